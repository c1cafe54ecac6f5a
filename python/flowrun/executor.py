"""The base class of executors, and the decorators that bind methods to endpoints, modelled on Jina's."""

import contextvars
import inspect
import logging
import os
from types import SimpleNamespace

# Endpoint of a method that handles all endpoints without a method of their own.
DEFAULT = "/default"

# Failed documents of the current call, by id. A context variable, because calls may run concurrently.
FAILED = contextvars.ContextVar("failed")


def requests(function=None, *, on=None):
    """Binds a method to the endpoints `on`, or without `on` to all endpoints that have no method of their own."""

    def mark(function):
        names = [DEFAULT] if on is None else [on] if isinstance(on, str) else list(on)
        function.__flowrun_on__ = [name if name.startswith("/") else f"/{name}" for name in names]
        return function

    return mark if function is None else mark(function)


def dynamic_batching(function=None, *, preferred_batch_size=4, timeout=10_000, flush_all=False):
    """Requests batching for a method: it is called with about `preferred_batch_size` documents of several requests, for
    which the first request waits at most `timeout` milliseconds. `uses_dynamic_batching` of the flow overrides it."""
    if preferred_batch_size < 1 or timeout < 0:
        raise ValueError("`preferred_batch_size` must be at least 1, and `timeout` not negative")
    settings = {"preferred_batch_size": preferred_batch_size, "timeout": int(timeout), "flush_all": bool(flush_all)}

    def mark(function):
        function.__flowrun_batching__ = settings
        return function

    return mark if function is None else mark(function)


class Executor:
    """Base class of executors.

    `__init__` receives the keys of `with:` in the flow. A bound method receives `docs` and `parameters`, if it has
    parameters of these names. It modifies the documents in place, or returns other documents, or returns a dictionary,
    which becomes part of the results of the request.
    """

    def __init__(self, metas=None, requests=None, runtime_args=None, workspace=None, **kwargs):
        if not hasattr(self, "metas"):
            self._initialise(metas or {}, requests or {}, dict(runtime_args or {}, workspace=workspace))

    def _initialise(self, metas, requests, runtime_args):
        """Sets the attributes of every executor, before the constructor of the derived class runs."""
        self.metas = SimpleNamespace(**{"name": type(self).__name__, "workspace": None, **metas})
        self.runtime_args = SimpleNamespace(**runtime_args)
        self.logger = logging.getLogger(type(self).__name__)
        self.requests = _bound_methods(type(self))
        for method in requests.values():
            if not callable(getattr(type(self), method, None)):
                raise TypeError(f"`requests` names the method `{method}`, which {type(self).__name__} does not have")
        # As in Jina, a method that the flow binds loses the endpoints of its decorator.
        rebound = set(requests.values())
        self.requests = {endpoint: method for endpoint, method in self.requests.items() if method not in rebound}
        for endpoint, method in requests.items():
            self.requests[endpoint if endpoint.startswith("/") else f"/{endpoint}"] = method

    @property
    def workspace(self):
        """Directory for the data of this shard, created on first use; `None` if the flow has no workspace."""
        base = getattr(self.runtime_args, "workspace", None) or self.metas.workspace
        if base is None:
            return None
        path = os.path.join(base, self.metas.name, str(getattr(self.runtime_args, "shard_id", 0)))
        os.makedirs(path, exist_ok=True)
        return path

    def fail(self, doc, error):
        """Marks one document of the current call as failed; the others are not affected. `error` is a text or an
        exception; without a kind of its own, the error has the kind `input`."""
        FAILED.get()[doc.id] = {
            "executor": "",
            "kind": getattr(error, "kind", "input"),
            "message": str(error),
        }

    def close(self):
        """Called once, after the last call."""


def _bound_methods(cls):
    """Returns the method names of a class by endpoint, from the decorators."""
    methods = {}
    for base in reversed(cls.__mro__):
        for name, member in vars(base).items():
            for endpoint in getattr(member, "__flowrun_on__", ()):
                methods[endpoint] = name
    return methods


def create_executor(cls, arguments, metas, requests, runtime_args):
    """Creates an executor. Its constructor receives metas, requests and runtime_args only if it has `**kwargs`."""
    executor = cls.__new__(cls)
    executor._initialise(metas, requests, runtime_args)
    parameters = inspect.signature(cls.__init__).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        common = {"metas": metas, "requests": requests, "runtime_args": runtime_args}
    else:
        common = {}
    cls.__init__(executor, **{**common, **arguments})
    return executor


def accepted_arguments(function, offered):
    """Returns the names in `offered` that a function has parameters for; `None` if it accepts all, by `**kwargs`."""
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return frozenset(parameter.name for parameter in parameters) & offered


def origin_arguments(parameters, docs):
    """Returns the arguments `docs_matrix` and `docs_map`: the documents by pod, after a join with `no_reduce`; otherwise
    one list with all of them. Removes the key `__origins__`, which contains the counts, from the parameters."""
    origins = parameters.pop("__origins__", ())
    parts, start = [], 0
    for name, count in origins:
        end = start + int(count)
        parts.append((name, docs[start:end]))
        start = end
    matrix = [part for _, part in parts] if parts else [docs]
    return {"docs_matrix": matrix if len(docs) else None, "docs_map": dict(parts)}
