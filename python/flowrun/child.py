"""The child process of an executor: it is told what to be over the socket that is its standard input, and takes calls.

A frame is the length of its body (u32), its kind (u8), the number of the call (u64), all little-endian, and the body. The
body of a call is 16 bytes for deadline and memory, then a `DataRequestProto`; that of a reply is a `DataRequestProto`.
"""

import contextvars
import ctypes
import functools
import importlib
import importlib.util
import inspect
import json
import os
import platform
import re
import signal
import socket
import struct
import sys
import traceback

from . import wire
from .errors import Cancelled
from .jina_adapter import Jina
from .native import Native

HEAD = struct.Struct("<IBQ")
START, CALL, CANCEL, CLOSE = 1, 2, 3, 4
READY, FAILED, REPLY, CLOSED = 16, 17, 18, 19

# Bytes of a call's body before the message.
CALL_HEAD = 16

# Bytes that are asked of the socket at once at the most.
RECEIVE_MAX = 1 << 20

_PR_SET_PDEATHSIG = 1


class Gone(Exception):
    """The parent is not there any more."""


def frame(kind, number, body):
    """A frame as bytes."""
    return HEAD.pack(len(body), kind, number) + body


def told(kind, value):
    """A frame with JSON in it."""
    return frame(kind, 0, json.dumps(value).encode())


def die_with_parent():
    """Asks the kernel to end this process with the one that started it."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except (AttributeError, OSError):
        # Elsewhere than on Linux the end of the socket says it.
        pass


def receive(sock, count):
    """So many bytes of the socket."""
    data = bytearray(count)
    view, at = memoryview(data), 0
    while at < count:
        got = sock.recv_into(view[at : at + RECEIVE_MAX], 0, socket.MSG_WAITALL)
        if not got:
            raise Gone
        at += got
    return bytes(data)


# --- the class -------------------------------------------------------------------------------------------------------


def load(start):
    """The class that the parent names."""
    for directory in start["paths"]:
        if directory not in sys.path:
            # At the end: nothing that lies about there takes the place of a module of Python's.
            sys.path.append(directory)
    modules = []
    for module in start["modules"]:
        path = module.get("path")
        modules.append(_import_file(path) if path else importlib.import_module(module["name"]))
    name = start["class"]
    for module in modules:
        found = getattr(module, name, None)
        if isinstance(found, type):
            return found
    defined = sorted(
        kind.__name__
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type) and (Native.takes(kind) or Jina.takes(kind)) and kind.__module__ == module.__name__
    )
    where = ", ".join(module.get("path") or module["name"] for module in start["modules"])
    has = f"it defines {', '.join(defined)}" if defined else "it defines no executor"
    raise ImportError(f"{where} has no class {name!r}; {has}")


def _import_file(path):
    """The module in a file, under the name that Jina gives it."""
    name = os.path.splitext(os.path.basename(path))[0]
    if name == "__init__":
        name = "user_module"
    elif name in sys.modules:
        name = f"user_module.{name}"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def adapted(start):
    """The executor that the parent wants, in whatever it is written."""
    kind = load(start)
    for adapter in (Native, Jina):
        if adapter.takes(kind):
            return adapter(kind, start)
    raise TypeError(f"{kind.__name__} is no executor: it derives neither from flowrun's nor from Jina's `Executor`")


# --- calls as messages -----------------------------------------------------------------------------------------------


def asked(message):
    """The endpoint, the parameters and the documents of a call, the last two as bytes."""
    endpoint, parameters, documents = "", b"", b""
    for field, _, value, _, _ in wire.fields(message):
        if field == 1:
            for part, _, content, _, _ in wire.fields(value):
                if part == 3:
                    endpoint = wire.text_of(content)
        elif field == 2:
            parameters = value
        elif field == 4:
            for part, _, content, _, _ in wire.fields(value):
                if part == 1:
                    documents = content
    return endpoint, parameters, documents


def replied(documents, results, failed):
    """The message for a call that went through."""
    parameters = {}
    if results:
        parameters["__results__"] = results
    if failed:
        parameters["__failed__"] = failed
    head = wire.block(2, wire.write_struct(parameters)) if parameters else b""
    return head + wire.block(4, wire.block(1, documents))


def went_wrong(error, name):
    """The message for a call that failed, as Jina tells of it."""
    if isinstance(error, Cancelled):
        parts = wire.text_field(1, "CancelledError") + wire.block(2, b"the request was given up")
        description = "the request was given up"
    else:
        # Without the frames of this file: they are none of the user's.
        frames = error.__traceback__
        while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
            frames = frames.tb_next
        stacks = traceback.format_exception(type(error), error, frames)
        parts = wire.text_field(1, type(error).__name__)
        parts += b"".join(wire.block(2, str(arg).encode(errors="replace")) for arg in error.args)
        parts += b"".join(wire.block(3, line.encode(errors="replace")) for line in stacks)
        description = repr(error)
    parts += wire.text_field(4, name)
    status = b"\x08\x01" + wire.block(2, description.encode(errors="replace")) + wire.block(3, parts)
    return wire.block(1, wire.block(2, status))


# --- one call after the other ----------------------------------------------------------------------------------------


class InTurn:
    """Makes calls on the main thread, one after the other. A signal says that the socket holds a cancellation."""

    def __init__(self, sock, adapter):
        self.sock, self.adapter, self.current = sock, adapter, None
        signal.signal(signal.SIGUSR1, self._interrupted)

    def _interrupted(self, *_):
        if self.current is None:
            return
        try:
            head = self.sock.recv(HEAD.size, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        if len(head) == HEAD.size:
            _, kind, number = HEAD.unpack(head)
            if kind == CANCEL and number == self.current:
                raise Cancelled

    def run(self):
        """Takes calls until the parent closes us."""
        while True:
            length, kind, number = HEAD.unpack(receive(self.sock, HEAD.size))
            body = receive(self.sock, length)
            if kind == CLOSE:
                return
            if kind == CALL:
                try:
                    reply = self._answer(number, body)
                except Cancelled as cancelled:
                    # It came when the call had just ended by itself.
                    self.current, reply = None, went_wrong(cancelled, self.adapter.name)
                self.sock.sendall(frame(REPLY, number, reply))

    def _answer(self, number, body):
        try:
            try:
                self.current = number
                endpoint, parameters, documents = asked(body[CALL_HEAD:])
                prepared = self.adapter.prepare(endpoint, documents, self.adapter.read_parameters(parameters))
                if prepared is None:
                    return replied(documents, {}, {})
                method, arguments, docs = prepared
                return replied(*self.adapter.finish(method(**arguments), docs))
            finally:
                self.current = None
        except SystemExit:
            raise
        except BaseException as error:
            self.current = None
            return went_wrong(error, self.adapter.name)


# --- several calls at once -------------------------------------------------------------------------------------------


class AtOnce:
    """Makes calls as tasks. Methods that do not wait run on a thread, one at a time, as in Jina."""

    def __init__(self, sock, adapter):
        # It takes a while to import, and most executors do without.
        global asyncio
        import asyncio

        self.sock, self.adapter = sock, adapter
        self.tasks = {}

    def run(self):
        """Takes calls until the parent closes us."""
        asyncio.run(self._run())

    async def _run(self):
        loop = asyncio.get_running_loop()
        self.sock.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=self.sock, limit=RECEIVE_MAX)
        self.turn, self.writer = asyncio.Lock(), writer
        try:
            while True:
                length, kind, number = HEAD.unpack(await reader.readexactly(HEAD.size))
                body = await reader.readexactly(length)
                if kind == CLOSE:
                    break
                if kind == CALL:
                    task = loop.create_task(self._answer(number, body))
                    self.tasks[number] = task
                    task.add_done_callback(functools.partial(self._forget, number))
                elif kind == CANCEL and number in self.tasks:
                    self.tasks[number].cancel()
        except asyncio.IncompleteReadError:
            raise Gone from None
        closing = self.adapter.close()
        if inspect.isawaitable(closing):
            await closing
        self.adapter = None
        writer.write(told(CLOSED, {}))
        await writer.drain()

    def _forget(self, number, _):
        self.tasks.pop(number, None)

    async def _answer(self, number, body):
        try:
            endpoint, parameters, documents = asked(body[CALL_HEAD:])
            prepared = self.adapter.prepare(endpoint, documents, self.adapter.read_parameters(parameters))
            if prepared is None:
                reply = replied(documents, {}, {})
            else:
                method, arguments, docs = prepared
                if inspect.iscoroutinefunction(method):
                    returned = await method(**arguments)
                else:
                    async with self.turn:
                        call = functools.partial(contextvars.copy_context().run, method, **arguments)
                        returned = await asyncio.get_running_loop().run_in_executor(None, call)
                reply = replied(*self.adapter.finish(returned, docs))
        except asyncio.CancelledError:
            reply = went_wrong(Cancelled(), self.adapter.name)
        except Exception as error:
            reply = went_wrong(error, self.adapter.name)
        self.writer.write(frame(REPLY, number, reply))
        await self.writer.drain()


def refused(error, arguments):
    """Why there is no executor, and which of its arguments is to blame, if that is known."""
    text = f"{type(error).__name__}: {error}"
    blamed = re.search(r"unexpected keyword argument '(\w+)'", str(error)) if isinstance(error, TypeError) else None
    if blamed and blamed[1] in arguments:
        return {"error": text, "parameter": blamed[1]}
    return {"error": text}


def serve(sock, start):
    """Is what the parent said, until it closes us or is gone."""
    try:
        adapter = adapted(start)
    except Exception as error:
        traceback.print_exc()
        sock.sendall(told(FAILED, refused(error, start["with"])))
        return
    several = adapter.waits()
    python = f"Python {platform.python_version()} at {sys.executable}"
    about = ", ".join(filter(None, (python, adapter.about())))
    ready = {
        "endpoints": adapter.endpoints(),
        "batching": adapter.batching(),
        "several": several,
        "interruptible": not several,
        "schema": adapter.schema,
        "about": f"{adapter.name} runs in {about}",
    }
    calls = (AtOnce if several else InTurn)(sock, adapter)
    sock.sendall(told(READY, ready))
    calls.run()
    if not several:
        adapter.close()
        sock.sendall(told(CLOSED, {}))


def main(sock, start):
    """Serves; what was started here ends with the parent."""
    try:
        serve(sock, start)
    except (Gone, ConnectionError):
        os.killpg(0, signal.SIGKILL)
