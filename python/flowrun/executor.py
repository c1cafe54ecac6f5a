"""What an executor is: a class with methods for endpoints, in the manner of Jina's."""

import contextvars
import inspect
import logging
import os
from types import SimpleNamespace

# The endpoint of a method that handles every endpoint which no other one does.
DEFAULT = "/default"

# The documents that failed in the call at hand, by id. Calls may be under way beside each other.
FAILED = contextvars.ContextVar("failed")


def requests(function=None, *, on=None):
    """Marks a method that handles requests: to the endpoints `on`, or to all that no other method handles."""

    def mark(function):
        names = [DEFAULT] if on is None else [on] if isinstance(on, str) else list(on)
        function.__flowrun_on__ = [name if name.startswith("/") else f"/{name}" for name in names]
        return function

    return mark if function is None else mark(function)


def dynamic_batching(function=None, *, preferred_batch_size=4, timeout=10_000, flush_all=False):
    """Marks a method that likes the documents of several requests at once: about so many, for which the first request
    waits so many milliseconds at the most. What the flow says under `uses_dynamic_batching` wins."""
    if preferred_batch_size < 1 or timeout < 0:
        raise ValueError("`preferred_batch_size` must be at least 1, and `timeout` not negative")
    settings = {"preferred_batch_size": preferred_batch_size, "timeout": int(timeout), "flush_all": bool(flush_all)}

    def mark(function):
        function.__flowrun_batching__ = settings
        return function

    return mark if function is None else mark(function)


class Executor:
    """The base of executors.

    `__init__` gets what the flow says under `with:`. A method gets `docs` and `parameters`, as far as it takes them;
    it changes the documents in place, or returns other ones, or a dictionary that the client finds among the results.
    """

    def __init__(self, metas=None, requests=None, runtime_args=None, workspace=None, **kwargs):
        if not hasattr(self, "metas"):
            self._begin(metas or {}, requests or {}, dict(runtime_args or {}, workspace=workspace))

    def _begin(self, metas, requests, runtime_args):
        """Sets what every executor has, before its own constructor runs."""
        self.metas = SimpleNamespace(**{"name": type(self).__name__, "workspace": None, **metas})
        self.runtime_args = SimpleNamespace(**runtime_args)
        self.logger = logging.getLogger(type(self).__name__)
        self.requests = _bound(type(self))
        for endpoint, method in requests.items():
            function = getattr(type(self), method, None)
            if not callable(function):
                raise TypeError(f"`requests` names the method `{method}`, which {type(self).__name__} does not have")
            # As in Jina: a method goes where it is sent, and nowhere else.
            for known in [known for known, name in self.requests.items() if name == method]:
                del self.requests[known]
            self.requests[endpoint if endpoint.startswith("/") else f"/{endpoint}"] = method

    @property
    def workspace(self):
        """The directory that is this shard's own to write in. It is made when it is first asked for."""
        base = getattr(self.runtime_args, "workspace", None) or self.metas.workspace
        if base is None:
            return None
        path = os.path.join(base, self.metas.name, str(getattr(self.runtime_args, "shard_id", 0)))
        os.makedirs(path, exist_ok=True)
        return path

    def fail(self, doc, error):
        """Sets one document of the call aside as failed; the others go on. `error` is a text, or one of our errors."""
        FAILED.get()[doc.id] = {
            "executor": "",
            "kind": getattr(error, "kind", "input"),
            "message": str(error),
        }

    def close(self):
        """Called once, after the last call."""


def _bound(kind):
    """The endpoints that a class handles, and the methods."""
    bound = {}
    for base in reversed(kind.__mro__):
        for name, member in vars(base).items():
            for endpoint in getattr(member, "__flowrun_on__", ()):
                bound[endpoint] = name
    return bound


def make(kind, arguments, metas, requests, runtime_args):
    """An executor of that class."""
    executor = kind.__new__(kind)
    executor._begin(metas, requests, runtime_args)
    parameters = inspect.signature(kind.__init__).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        known = {"metas": metas, "requests": requests, "runtime_args": runtime_args}
    else:
        known = {}
    kind.__init__(executor, **{**known, **arguments})
    return executor


def accepted(function, offered):
    """Of what is offered, the arguments that a function takes."""
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return frozenset(parameter.name for parameter in parameters) & offered


def origins(parameters, docs):
    """`docs_matrix` and `docs_map`: the documents by where they came from, when a join handed them on side by side
    (`no_reduce`); all of them as one list otherwise. Takes what the parent says of it out of the parameters."""
    told = parameters.pop("__origins__", ())
    parts, start = [], 0
    for name, count in told:
        end = start + int(count)
        parts.append((name, docs[start:end]))
        start = end
    matrix = [part for _, part in parts] if parts else [docs]
    return {"docs_matrix": matrix if len(docs) else None, "docs_map": dict(parts)}
