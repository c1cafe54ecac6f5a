"""Exceptions of executors, which have an error kind, and of flows and clients.

A call of an executor that fails with another exception has the kind `internal`.
"""

from __future__ import annotations

from typing import Any, List, Optional, Sequence, Tuple


class InputError(Exception):
    """The content of a document cannot be processed."""

    kind = "input"


class ParameterError(Exception):
    """A parameter of the request has the wrong type or value."""

    kind = "parameter"


class ResourceError(Exception):
    """A file, disk, connection or other external resource failed."""

    kind = "resource"


class InternalError(Exception):
    """A bug in the executor."""

    kind = "internal"


class Cancelled(BaseException):
    """The call is cancelled. Not an `Exception`, so that `except Exception` does not catch it."""


class Diagnostic:
    """A mistake in a flow, or a warning or a note about it.

    Attributes:
        code: Stable code, which docs/diagnostics.md explains: `F202`.
        severity: `error`, `warning` or `note`.
        message: The mistake.
        help: Sentences with its correction.
        location: `FILE:LINE:COLUMN` of a flow file, or `FILE:LINE` of the Python call that added the pod; empty if the whole flow
            is concerned.
        pod: Name of the pod, if a Python call has added it.
    """

    def __init__(
        self, code: str, severity: str, message: str, help: Sequence[str] = (), location: str = "", pod: Optional[str] = None
    ) -> None:
        self.code, self.severity, self.message, self.help = code, severity, message, list(help)
        self.location, self.pod = location, pod

    def __str__(self) -> str:
        lines = [f"{self.severity}[{self.code}]: {self.message}"]
        if self.location:
            lines.append(f"  --> {self.location}" + (f", in the pod `{self.pod}`" if self.pod else ""))
        lines.extend(f"  = help: {sentence}" for sentence in self.help)
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"Diagnostic({self.code!r}, {self.severity!r}, {self.message!r}, location={self.location!r})"


class FlowError(Exception):
    """A flow that has mistakes, or could not be started.

    Attributes:
        diagnostics: The mistakes, with their locations; empty if the program failed without any.
    """

    def __init__(self, message: str, diagnostics: Sequence[Diagnostic] = ()) -> None:
        self.diagnostics: List[Diagnostic] = list(diagnostics)
        super().__init__("\n".join([message, *map(str, self.diagnostics)]))


class ClientError(Exception):
    """Base class of the exceptions of clients."""


class RequestError(ClientError):
    """A request that was answered with an error.

    Attributes:
        name: Class of the exception in the executor: `ValueError`.
        executor: Class of the executor that failed; empty if the gateway rejected the request.
        arguments: Arguments of the exception, as texts.
        stacks: Lines of its traceback.
        response: The reply, a `Response`.
    """

    def __init__(
        self,
        message: str,
        name: str = "",
        executor: str = "",
        arguments: Sequence[str] = (),
        stacks: Sequence[str] = (),
        response: Any = None,
    ) -> None:
        super().__init__(message)
        self.name, self.executor, self.arguments, self.stacks = name, executor, tuple(arguments), list(stacks)
        self.response = response

    def __reduce__(self) -> Tuple[Any, ...]:
        return RequestError, (str(self), self.name, self.executor, self.arguments, self.stacks)


class ServiceUnavailable(ClientError, ConnectionError):
    """The service is unreachable, does not accept requests, or closed the connection before it replied."""


class DeadlineExceeded(ClientError, TimeoutError):
    """No reply arrived within `timeout`."""


class MissingPackage(ClientError, ImportError):
    """A function needs a package that is not installed."""
