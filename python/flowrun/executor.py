"""The base class of executors, and the decorators that bind methods to endpoints, modelled on Jina's."""

from __future__ import annotations

import contextvars
import inspect
import logging
import os
from types import SimpleNamespace
from typing import Any, Callable, Dict, FrozenSet, Optional, Sequence, Type, TypeVar, Union, overload

from .document import Document

_Method = TypeVar("_Method", bound=Callable[..., Any])

# Endpoint of a method that handles all endpoints without a method of their own.
DEFAULT = "/default"

# Failed documents of the current call, by id. A context variable, because calls may run concurrently.
FAILED: contextvars.ContextVar[Dict[str, Dict[str, Any]]] = contextvars.ContextVar("failed")


@overload
def requests(function: _Method, *, on: None = ...) -> _Method: ...
@overload
def requests(
    function: None = ..., *, on: Union[None, str, Sequence[str]] = ..., request_schema: Any = ..., response_schema: Any = ...
) -> Callable[[_Method], _Method]: ...
def requests(
    function: Any = None, *, on: Union[None, str, Sequence[str]] = None, request_schema: Any = None, response_schema: Any = None
) -> Any:
    """Binds a method to the endpoints `on`, or without `on` to all endpoints that have no method of their own.

    Args:
        on: Endpoint, or several.
        request_schema: Class of docarray from 0.30 on that the documents have, `DocList[MyDoc]`; default: that of the annotation
            of `docs`.
        response_schema: No effect: the class of the returned documents counts.

    Example:
        >>> class Upper(Executor):
        ...     @requests(on="/upper")
        ...     def upper(self, docs, **kwargs):
        ...         for doc in docs:
        ...             doc.text = doc.text.upper()
    """

    def mark(function: Any) -> Any:
        names = [DEFAULT] if on is None else [on] if isinstance(on, str) else list(on)
        function.__flowrun_on__ = [name if name.startswith("/") else f"/{name}" for name in names]
        if request_schema is not None:
            function.__flowrun_schema__ = request_schema
        return function

    return mark if function is None else mark(function)


@overload
def dynamic_batching(
    function: _Method, *, preferred_batch_size: int = ..., timeout: float = ..., flush_all: bool = ...
) -> _Method: ...
@overload
def dynamic_batching(
    function: None = ..., *, preferred_batch_size: int = ..., timeout: float = ..., flush_all: bool = ...
) -> Callable[[_Method], _Method]: ...
def dynamic_batching(
    function: Any = None, *, preferred_batch_size: int = 4, timeout: float = 10_000, flush_all: bool = False
) -> Any:
    """Requests batching for a method: it is called with about `preferred_batch_size` documents of several requests, for
    which the first request waits at most `timeout` milliseconds. `uses_dynamic_batching` of the flow overrides it."""
    if preferred_batch_size < 1 or timeout < 0:
        raise ValueError("`preferred_batch_size` must be at least 1, and `timeout` not negative")
    settings = {"preferred_batch_size": preferred_batch_size, "timeout": int(timeout), "flush_all": bool(flush_all)}

    def mark(function: Any) -> Any:
        function.__flowrun_batching__ = settings
        return function

    return mark if function is None else mark(function)


class Executor:
    """Base class of executors.

    `__init__` receives the keys of `with:` in the flow. A bound method receives `docs` and `parameters`, if it has
    parameters of these names. It modifies the documents in place, or returns other documents, or returns a dictionary,
    which becomes part of the results of the request.
    """

    metas: SimpleNamespace
    runtime_args: SimpleNamespace
    logger: logging.Logger
    requests: Dict[str, str]

    def __init__(
        self,
        metas: Optional[Dict[str, Any]] = None,
        requests: Optional[Dict[str, str]] = None,
        runtime_args: Optional[Dict[str, Any]] = None,
        workspace: Optional[str] = None,
        **kwargs: Any,
    ) -> None:
        if not hasattr(self, "metas"):
            self._initialise(metas or {}, requests or {}, dict(runtime_args or {}, workspace=workspace))

    def _initialise(self, metas: Dict[str, Any], requests: Dict[str, str], runtime_args: Dict[str, Any]) -> None:
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
    def workspace(self) -> Optional[str]:
        """Directory for the data of this shard, created on first use; `None` if the flow has no workspace."""
        base = getattr(self.runtime_args, "workspace", None) or self.metas.workspace
        if base is None:
            return None
        path = os.path.join(base, self.metas.name, str(getattr(self.runtime_args, "shard_id", 0)))
        os.makedirs(path, exist_ok=True)
        return path

    def fail(self, doc: Document, error: Union[str, BaseException]) -> None:
        """Marks one document of the current call as failed; the others are not affected. `error` is a text or an
        exception; without a kind of its own, the error has the kind `input`."""
        FAILED.get()[doc.id] = {
            "executor": "",
            "kind": getattr(error, "kind", "input"),
            "message": str(error),
        }

    def close(self) -> Any:
        """Called once, after the last call."""


def _bound_methods(cls: type) -> Dict[str, str]:
    """Returns the method names of a class by endpoint, from the decorators."""
    methods = {}
    for base in reversed(cls.__mro__):
        for name, member in vars(base).items():
            for endpoint in getattr(member, "__flowrun_on__", ()):
                methods[endpoint] = name
    return methods


def create_executor(
    cls: Type[Executor],
    arguments: Dict[str, Any],
    metas: Dict[str, Any],
    requests: Dict[str, str],
    runtime_args: Dict[str, Any],
) -> Executor:
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


def accepted_arguments(function: Callable[..., Any], offered: FrozenSet[str]) -> Optional[FrozenSet[str]]:
    """Returns the names in `offered` that a function has parameters for; `None` if it accepts all, by `**kwargs`."""
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return frozenset(parameter.name for parameter in parameters) & offered


def origin_arguments(parameters: Dict[str, Any], docs: Any) -> Dict[str, Any]:
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
