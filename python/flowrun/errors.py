"""Exceptions with an error kind. A call that fails with any other exception has the kind `internal`."""


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
