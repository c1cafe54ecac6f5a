"""Adapter for executors derived from this package's `Executor`."""

import functools
import inspect

from . import wire
from .document import Document, read_documents, write_documents
from .executor import DEFAULT, FAILED, Executor, accepted_arguments, create_executor, origin_arguments
from .unused import unused_settings

_ARGUMENTS = frozenset(("docs", "parameters", "docs_matrix", "docs_map", "tracing_context"))


class NativeAdapter:
    """An executor of this package, with the interface that the child's loops call."""

    schema = 1
    read_parameters = staticmethod(wire.read_struct)

    def __init__(self, cls, start):
        self.executor = create_executor(cls, start["with"], start["metas"], start["requests"], start["runtime_args"])
        self.name = cls.__name__
        self.unused = unused_settings(cls, Executor, start["with"], self.executor.requests)
        self._methods = {}
        for endpoint, name in self.executor.requests.items():
            method = getattr(self.executor, name)
            self._methods[endpoint] = (method, accepted_arguments(method, _ARGUMENTS))

    @staticmethod
    def accepts(cls):
        """Returns whether this adapter is for the class."""
        return isinstance(cls, type) and issubclass(cls, Executor)

    def endpoints(self):
        """Endpoints that the executor handles; `None`: all."""
        return None if DEFAULT in self._methods else list(self._methods)

    def batching(self):
        """Batching settings by endpoint; `*` stands for all other endpoints."""
        marked = ((endpoint, getattr(method, "__flowrun_batching__", None)) for endpoint, (method, _) in self._methods.items())
        return {"*" if endpoint == DEFAULT else endpoint: settings for endpoint, settings in marked if settings}

    def is_async(self):
        """Returns whether a method is a coroutine or an asynchronous generator, so that calls may run concurrently."""
        methods = [method for method, _ in self._methods.values()]
        return any(map(inspect.iscoroutinefunction, methods)) or any(map(inspect.isasyncgenfunction, methods))

    def versions(self):
        """Versions of libraries that the executor depends on."""
        return ""

    def prepare(self, endpoint, data, parameters, send=None):
        """Returns the method for an endpoint, its arguments and the documents; `None` if no method handles it. `send`
        receives the documents that a generator yields, encoded one by one; without it they are returned together."""
        method, names = self._methods.get(endpoint) or self._methods.get(DEFAULT) or (None, None)
        if method is None:
            return None
        docs = read_documents(data)
        arguments = {
            "docs": docs,
            "parameters": parameters,
            **origin_arguments(parameters, docs),
            "tracing_context": None,
        }
        if names is not None:
            arguments = {name: arguments[name] for name in names}
        FAILED.set({})
        return _collecting(method, send), arguments, docs

    def finish(self, returned, docs):
        """Returns the documents as bytes, the results, and the failed documents after a call."""
        results = {}
        if isinstance(returned, dict):
            results = returned
        elif isinstance(returned, (list, tuple)) and all(isinstance(doc, Document) for doc in returned):
            docs = returned
        elif returned is not None:
            raise TypeError(f"a method must return documents, a dictionary or None, not {returned!r}")
        failed = FAILED.get()
        if failed:
            docs = [doc for doc in docs if doc.id not in failed]
        return write_documents(docs), results, failed

    def close(self):
        """Closes the executor."""
        return self.executor.close()


def _collecting(method, send):
    """Returns a method that passes the documents that a generator yields to `send`, or else returns them as a list; other
    methods unchanged."""

    def add(returned, doc):
        if send is None:
            returned.append(doc)
        elif isinstance(doc, Document):
            send(write_documents([doc]))
        else:
            raise TypeError(f"a generator must yield documents, not {doc!r}")

    if inspect.isasyncgenfunction(method):

        @functools.wraps(method)
        async def collect(**arguments):
            returned = []
            async for doc in method(**arguments):
                add(returned, doc)
            return returned

    elif inspect.isgeneratorfunction(method):

        @functools.wraps(method)
        def collect(**arguments):
            returned = []
            for doc in method(**arguments):
                add(returned, doc)
            return returned

    else:
        return method
    return collect
