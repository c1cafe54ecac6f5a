"""Errors whose kind flowrun knows. Any other exception is an error of the executor."""


class InputError(Exception):
    """A document's content cannot be processed."""

    kind = "input"


class ParameterError(Exception):
    """A parameter of the request has the wrong type or value."""

    kind = "parameter"


class ResourceError(Exception):
    """Something outside failed: a file, a disk, a connection."""

    kind = "resource"


class InternalError(Exception):
    """A defect in the executor."""

    kind = "internal"


class Cancelled(BaseException):
    """Nobody waits for the call any more. Not an `Exception`, so that it passes by those who catch all of them."""
