"""Executors of this package, as the child's loop calls them."""

import inspect

from . import wire
from .document import Document, read_documents, write_documents
from .executor import DEFAULT, FAILED, Executor, accepted, make, origins

_OFFERED = frozenset(("docs", "parameters", "docs_matrix", "docs_map", "tracing_context"))


class Native:
    """An executor of this package."""

    schema = 1
    read_parameters = staticmethod(wire.read_struct)

    def __init__(self, kind, start):
        self.executor = make(kind, start["with"], start["metas"], start["requests"], start["runtime_args"])
        self.name = kind.__name__
        self._methods = {}
        for endpoint, name in self.executor.requests.items():
            method = getattr(self.executor, name)
            self._methods[endpoint] = (method, accepted(method, _OFFERED))

    @staticmethod
    def takes(kind):
        """Whether a class is of this package."""
        return isinstance(kind, type) and issubclass(kind, Executor)

    def endpoints(self):
        """The endpoints that it handles; none for all."""
        return None if DEFAULT in self._methods else list(self._methods)

    def batching(self):
        """The endpoints that like to be called with the documents of several requests, and how; `*` for all others."""
        marked = ((endpoint, getattr(method, "__flowrun_batching__", None)) for endpoint, (method, _) in self._methods.items())
        return {"*" if endpoint == DEFAULT else endpoint: settings for endpoint, settings in marked if settings}

    def waits(self):
        """Whether a method waits, so that several calls may be under way."""
        return any(inspect.iscoroutinefunction(method) for method, _ in self._methods.values())

    def about(self):
        """What else there is to say of it."""
        return ""

    def prepare(self, endpoint, data, parameters):
        """The method for an endpoint with its arguments, and the documents; none when nothing handles it."""
        method, names = self._methods.get(endpoint) or self._methods.get(DEFAULT) or (None, None)
        if method is None:
            return None
        docs = read_documents(data)
        arguments = {
            "docs": docs,
            "parameters": parameters,
            **origins(parameters, docs),
            "tracing_context": None,
        }
        if names is not None:
            arguments = {name: arguments[name] for name in names}
        FAILED.set({})
        return method, arguments, docs

    def finish(self, returned, docs):
        """The documents and the results that a method left behind, and the documents that failed."""
        results = {}
        if isinstance(returned, dict):
            results = returned
        elif isinstance(returned, (list, tuple)) and all(isinstance(doc, Document) for doc in returned):
            docs = returned
        elif returned is not None:
            raise TypeError(f"a method returns documents, a dictionary or nothing, not {returned!r}")
        failed = FAILED.get()
        if failed:
            docs = [doc for doc in docs if doc.id not in failed]
        return write_documents(docs), results, failed

    def close(self):
        """Ends it."""
        return self.executor.close()
