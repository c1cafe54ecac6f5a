"""API for flowrun executors in Python. Requires only the standard library; arrays are numpy arrays if numpy is installed.

    from flowrun import Executor, requests

    class Shout(Executor):
        @requests(on="/index")
        def shout(self, docs, **kwargs):
            for doc in docs:
                doc.text = doc.text.upper()

A flow uses it by `uses: {jtype: Shout, metas: {py_modules: [shout.py]}}`. The package does not have to be installed:
flowrun contains it and sends it to the child process of the executor.
"""

from .document import Document, DocumentArray, NamedScore, Tensor
from .errors import InputError, InternalError, ParameterError, ResourceError
from .executor import Executor, dynamic_batching, requests

__all__ = [
    "Document",
    "DocumentArray",
    "Executor",
    "InputError",
    "InternalError",
    "NamedScore",
    "ParameterError",
    "ResourceError",
    "Tensor",
    "dynamic_batching",
    "requests",
]

__version__ = "0.1.0"
