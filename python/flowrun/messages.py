"""Calls and replies as messages of the type `DataRequestProto`."""

import os
import sys
import traceback

from . import wire
from .errors import Cancelled


def read_call(message):
    """Returns the endpoint of a call, and its parameters and documents as bytes."""
    endpoint, parameters, documents = "", b"", b""
    for field, _, value, _, _ in wire.fields(message):
        if field == 1:
            for part, _, content, _, _ in wire.fields(value):
                if part == 3:
                    endpoint = wire.read_text(content)
        elif field == 2:
            parameters = value
        elif field == 4:
            for part, _, content, _, _ in wire.fields(value):
                if part == 1:
                    documents = content
    return endpoint, parameters, documents


def success_message(documents, results, failures):
    """Returns the reply of a successful call. `results` and `failures` (by document id) are dictionaries."""
    parameters = {}
    if results:
        parameters["__results__"] = results
    if failures:
        parameters["__failed__"] = failures
    head = wire.block(2, wire.write_struct(parameters)) if parameters else b""
    return head + wire.block(4, wire.block(1, documents))


def failure_message(error, executor, loop_file):
    """Returns the reply of a failed call, with the exception in the form in which Jina sends it.

    The traceback starts after the frames of `loop_file`, which are not the user's.
    """
    if isinstance(error, Cancelled):
        description = "the request was cancelled"
        exception = wire.text_field(1, "CancelledError") + wire.block(2, description.encode())
    else:
        frames = error.__traceback__
        while frames is not None and frames.tb_frame.f_code.co_filename == loop_file:
            frames = frames.tb_next
        lines = traceback.format_exception(type(error), error, frames)
        exception = wire.text_field(1, type(error).__name__)
        exception += b"".join(wire.block(2, str(arg).encode(errors="replace")) for arg in error.args)
        exception += b"".join(wire.block(3, line.encode(errors="replace")) for line in lines)
        description = repr(error)
    exception += wire.text_field(4, executor)
    # Field 1 is the status code, 1: ERROR.
    status = b"\x08\x01" + wire.block(2, description.encode(errors="replace")) + wire.block(3, exception)
    return wire.block(1, wire.block(2, status))


def user_frames(error):
    """Returns the lines of the traceback that name the user's code: neither this package, nor Python's import system, nor
    Jina. If there are none, the last frame."""
    frames = traceback.extract_tb(error.__traceback__)
    jina = getattr(sys.modules.get("jina"), "__file__", None)
    jina = os.path.dirname(jina) + os.sep if jina else None
    own = [
        frame
        for frame in frames
        if not frame.filename.startswith("<") and not (jina and frame.filename.startswith(jina))
    ]
    return [f"  {frame.filename}:{frame.lineno} in {frame.name}: {frame.line}" for frame in own or frames[-1:]]
