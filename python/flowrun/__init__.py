"""flowrun for Python: flows, clients, documents and executors.

    from flowrun import Executor, Flow, requests

    class Shout(Executor):
        @requests(on="/index")
        def shout(self, docs, **kwargs):
            for doc in docs:
                doc.text = doc.text.upper()

    with Flow().add(uses=Shout) as flow:
        print(flow.post("/index", ["hello"]).texts)

Executors require only the standard library: the program contains this package and sends it to the processes of executors, where
arrays are numpy arrays if numpy is installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List

from .document import Document, DocumentArray, NamedScore, Tensor
from .errors import (
    ClientError,
    DeadlineExceeded,
    Diagnostic,
    FlowError,
    InputError,
    InternalError,
    MissingPackage,
    ParameterError,
    RequestError,
    ResourceError,
    ServiceUnavailable,
)
from .executor import Executor, dynamic_batching, requests

if TYPE_CHECKING:
    from .client import AsyncClient, Client, SyncClient
    from .flow import AsyncFlow, Deployment, Flow
    from .index import Index
    from .protocol import Response

__all__ = [
    "AsyncClient",
    "AsyncFlow",
    "Client",
    "ClientError",
    "DeadlineExceeded",
    "Deployment",
    "Diagnostic",
    "Document",
    "DocumentArray",
    "Executor",
    "Flow",
    "FlowError",
    "Index",
    "InputError",
    "InternalError",
    "MissingPackage",
    "NamedScore",
    "ParameterError",
    "RequestError",
    "ResourceError",
    "Response",
    "ServiceUnavailable",
    "SyncClient",
    "Tensor",
    "dynamic_batching",
    "requests",
]

__version__ = "0.1.0"

# Imported on first use, so that processes of executors start fast.
_LAZY = {
    "AsyncClient": "client",
    "AsyncFlow": "flow",
    "Client": "client",
    "Deployment": "flow",
    "Flow": "flow",
    "Index": "index",
    "Response": "protocol",
    "SyncClient": "client",
}

# Names of Jina's API that this package does not have, and their replacement.
_MISSING = {
    "BaseDoc": "import it from docarray",
    "DocList": "import it from docarray",
    "DocVec": "import it from docarray",
    "Gateway": "every port of a flow serves gRPC, HTTP and WebSocket",
    "BaseExecutor": "derive from `Executor`",
    "QueryLang": "pass `parameters`",
    "monitor": "read `/metrics` of the flow's address",
    "__jina_env__": "it has no equivalent",
    "set_start_method": "it has no equivalent: executors run in processes of their own",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        import importlib

        value = getattr(importlib.import_module(f".{_LAZY[name]}", __name__), name)
        globals()[name] = value
        return value
    if name in _MISSING:
        # `from flowrun import NAME` would replace the text of an AttributeError.
        raise ImportError(f"flowrun has no `{name}`: {_MISSING[name]} (docs/python-api.md lists Jina's API)")
    raise AttributeError(f"module 'flowrun' has no attribute {name!r}")


def __dir__() -> List[str]:
    return sorted({*globals(), *__all__})
