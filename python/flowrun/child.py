"""The child process of an executor: receives the start message and calls over a socket, and sends replies.

A frame is the length of its body (u32), its kind (u8) and the number of the call (u64), all little-endian, and the body.
The body of a call is 16 bytes with the remaining time and the memory budget, which are not used here, and a
`DataRequestProto`; the body of a reply is a `DataRequestProto`. Other bodies are JSON or empty. The parent's side is
`executors/process/src/parent`.
"""

import contextvars
import ctypes
import functools
import inspect
import json
import os
import platform
import re
import signal
import socket
import struct
import sys

from .errors import Cancelled
from .loader import create_adapter
from .messages import failure_message, read_call, success_message, user_frames

HEAD = struct.Struct("<IBQ")
START, CALL, CANCEL, CLOSE = 1, 2, 3, 4
READY, FAILED, REPLY, CLOSED, PARTIAL = 16, 17, 18, 19, 21

# Parameter that requests documents before the call ends.
STREAM = "__stream__"

# Number of bytes in the body of a call before the message.
CALL_HEAD = 16

# Maximum number of bytes of one read from the socket.
RECEIVE_MAX = 1 << 20

_PR_SET_PDEATHSIG = 1


class ParentGone(Exception):
    """The parent process has closed the socket."""


def frame(kind, number, body):
    """Encodes a frame."""
    return HEAD.pack(len(body), kind, number) + body


def json_frame(kind, value):
    """Encodes a frame with a JSON body."""
    return frame(kind, 0, json.dumps(value).encode())


def exit_with_parent():
    """Requests that the kernel kill this process when its parent exits."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except (AttributeError, OSError):
        # Not on Linux: the end of the socket is noticed instead.
        pass


def receive(sock, count):
    """Receives exactly `count` bytes."""
    data = bytearray(count)
    view, position = memoryview(data), 0
    while position < count:
        received = sock.recv_into(view[position : position + RECEIVE_MAX], 0, socket.MSG_WAITALL)
        if not received:
            raise ParentGone
        position += received
    return bytes(data)


class SequentialLoop:
    """Runs calls on the main thread, one at a time. SIGUSR1 announces that the socket may contain a cancellation."""

    def __init__(self, sock, adapter):
        self.sock, self.adapter, self.current = sock, adapter, None
        signal.signal(signal.SIGUSR1, self._on_signal)

    def _on_signal(self, *_):
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
        """Handles frames until the parent sends CLOSE."""
        while True:
            length, kind, number = HEAD.unpack(receive(self.sock, HEAD.size))
            body = receive(self.sock, length)
            if kind == CLOSE:
                return
            if kind == CALL:
                try:
                    reply = self._call(number, body)
                except Cancelled as cancelled:
                    # The signal arrived after the call had ended.
                    self.current, reply = None, failure_message(cancelled, self.adapter.name, __file__)
                self.sock.sendall(frame(REPLY, number, reply))

    def _send_partial(self, number):
        """Returns a function that sends documents of the call before its reply."""

        def send(documents):
            # A cancellation must not interrupt the frame; its signal is repeated.
            self.current = None
            self.sock.sendall(frame(PARTIAL, number, success_message(documents, {}, {})))
            self.current = number

        return send

    def _call(self, number, body):
        try:
            try:
                self.current = number
                endpoint, parameters, documents = read_call(body[CALL_HEAD:])
                parameters = self.adapter.read_parameters(parameters)
                send = self._send_partial(number) if parameters.pop(STREAM, False) else None
                prepared = self.adapter.prepare(endpoint, documents, parameters, send)
                if prepared is None:
                    return success_message(documents, {}, {})
                method, arguments, docs = prepared
                return success_message(*self.adapter.finish(method(**arguments), docs))
            finally:
                self.current = None
        except SystemExit:
            raise
        except BaseException as error:
            self.current = None
            return failure_message(error, self.adapter.name, __file__)


class ConcurrentLoop:
    """Runs calls as asyncio tasks. Methods that are not coroutines run on a thread, one at a time, as in Jina."""

    def __init__(self, sock, adapter):
        # Imported here, because the import is slow and most executors do not need it.
        global asyncio
        import asyncio

        self.sock, self.adapter = sock, adapter
        self.tasks = {}

    def run(self):
        """Handles frames until the parent sends CLOSE."""
        asyncio.run(self._run())

    async def _run(self):
        loop = asyncio.get_running_loop()
        self.sock.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=self.sock, limit=RECEIVE_MAX)
        self.thread_lock, self.writer = asyncio.Lock(), writer
        try:
            while True:
                length, kind, number = HEAD.unpack(await reader.readexactly(HEAD.size))
                body = await reader.readexactly(length)
                if kind == CLOSE:
                    break
                if kind == CALL:
                    task = loop.create_task(self._call(number, body))
                    self.tasks[number] = task
                    task.add_done_callback(functools.partial(self._remove_task, number))
                elif kind == CANCEL and number in self.tasks:
                    self.tasks[number].cancel()
        except asyncio.IncompleteReadError:
            raise ParentGone from None
        closing = self.adapter.close()
        if inspect.isawaitable(closing):
            await closing
        self.adapter = None
        writer.write(json_frame(CLOSED, {}))
        await writer.drain()

    def _send_partial(self, number):
        """Returns a function that sends documents of the call before its reply, also from another thread."""
        loop = asyncio.get_running_loop()

        def send(documents):
            loop.call_soon_threadsafe(self.writer.write, frame(PARTIAL, number, success_message(documents, {}, {})))

        return send

    def _remove_task(self, number, _):
        self.tasks.pop(number, None)

    async def _call(self, number, body):
        try:
            endpoint, parameters, documents = read_call(body[CALL_HEAD:])
            parameters = self.adapter.read_parameters(parameters)
            send = self._send_partial(number) if parameters.pop(STREAM, False) else None
            prepared = self.adapter.prepare(endpoint, documents, parameters, send)
            if prepared is None:
                reply = success_message(documents, {}, {})
            else:
                method, arguments, docs = prepared
                if inspect.iscoroutinefunction(method):
                    returned = await method(**arguments)
                else:
                    async with self.thread_lock:
                        call = functools.partial(contextvars.copy_context().run, method, **arguments)
                        returned = await asyncio.get_running_loop().run_in_executor(None, call)
                reply = success_message(*self.adapter.finish(returned, docs))
        except asyncio.CancelledError:
            reply = failure_message(Cancelled(), self.adapter.name, __file__)
        except Exception as error:
            reply = failure_message(error, self.adapter.name, __file__)
        # After the callbacks that write the documents sent before.
        asyncio.get_running_loop().call_soon(self.writer.write, frame(REPLY, number, reply))
        await self.writer.drain()


def start_failure(error, arguments):
    """Returns the reason why the executor could not be created, with the user's frames, and the constructor argument at
    fault if it is known."""
    text = f"{type(error).__name__}: {error}"
    unexpected = re.search(r"unexpected keyword argument '(\w+)'", str(error)) if isinstance(error, TypeError) else None
    if unexpected and unexpected[1] in arguments:
        return {"error": text, "parameter": unexpected[1]}
    return {"error": "\n".join([text, *user_frames(error)])}


def serve(sock, start):
    """Creates the executor and runs its calls until the parent sends CLOSE."""
    try:
        adapter = create_adapter(start)
    except Exception as error:
        sock.sendall(json_frame(FAILED, start_failure(error, start["with"])))
        return
    # Once per pod, not for every shard and replica.
    if start["runtime_args"].get("shard_id", 0) == start["runtime_args"].get("replica_id", 0) == 0:
        for sentence in adapter.unused:
            # Lines of standard error are warnings in the log.
            print(sentence, file=sys.stderr, flush=True)
    concurrent = adapter.is_async()
    python = f"Python {platform.python_version()} at {sys.executable}"
    versions = ", ".join(filter(None, (python, adapter.versions())))
    ready = {
        "endpoints": adapter.endpoints(),
        "batching": adapter.batching(),
        "several": concurrent,
        "streams": True,
        "interruptible": not concurrent,
        "schema": adapter.schema,
        "about": f"{adapter.name} runs in {versions}",
    }
    loop = (ConcurrentLoop if concurrent else SequentialLoop)(sock, adapter)
    sock.sendall(json_frame(READY, ready))
    loop.run()
    if not concurrent:
        adapter.close()
        sock.sendall(json_frame(CLOSED, {}))


def main(sock, start):
    """Serves the parent; if it is gone, kills this process with the processes that it has started."""
    try:
        serve(sock, start)
    except (ParentGone, ConnectionError):
        os.killpg(0, signal.SIGKILL)
