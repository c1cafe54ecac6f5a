"""WebSocket connections of clients, blocking and with asyncio (RFC 6455, without extensions).

`Frames` encodes and decodes frames and knows no sockets; `Connection` and `AsyncConnection` send and receive messages.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import select
import socket
import ssl
import struct
import time
from typing import Dict, List, Optional, Tuple

from .document import numpy
from .errors import DeadlineExceeded, ServiceUnavailable

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

# Maximum size of a received message in bytes: as large as the gateway's own bound.
MESSAGE_BYTES_MAX = 256 << 20

# Maximum size of the response to the handshake, in bytes.
HEAD_BYTES_MAX = 64 << 10

_CHUNK = 256 << 10


class Closed(ServiceUnavailable):
    """The service closed the connection. `code` is that of its close frame: 1001 while it drains, 1008 for a missing right, 1009
    for a message that is too large, 1013 while it is overloaded; 1006 without a close frame."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the service closed the connection ({code}): {reason or 'no reason given'}")
        self.code, self.reason = code, reason


def handshake(host: str, path: str, headers: Dict[str, str]) -> Tuple[bytes, str]:
    """Returns the request that opens a connection, and the key that the response must confirm."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        f"GET {path or '/'} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: bytes",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a header contains a line break")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), key


def check_handshake(head: bytes, body: bytes, key: str) -> None:
    """Checks the response to a handshake.

    Raises:
        ServiceUnavailable: The service refused the connection.
    """
    lines = head.decode("latin-1").split("\r\n")
    status = lines[0].split(" ", 2)
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    if len(status) < 2 or status[1] != "101":
        detail = body.decode("utf-8", "replace")[:500]
        raise ServiceUnavailable(f"the service refused the connection: {' '.join(status[1:])} {detail}".rstrip())
    accept = base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()
    if fields.get("sec-websocket-accept") != accept:
        raise ServiceUnavailable("the service does not speak WebSocket: it confirmed another key")


def mask(data: bytes, key: bytes) -> bytes:
    """Applies a mask of four bytes to the payload of a frame."""
    if numpy is None:
        whole = int.from_bytes((key * (len(data) // 4 + 1))[: len(data)], "little")
        return (int.from_bytes(data, "little") ^ whole).to_bytes(len(data), "little")
    rest = len(data) % 4
    words = numpy.frombuffer(data, dtype="<u4", count=len(data) // 4) ^ numpy.frombuffer(key, dtype="<u4")[0]
    tail = bytes(byte ^ part for byte, part in zip(data[len(data) - rest :], key)) if rest else b""
    masked: bytes = words.tobytes()
    return masked + tail


def frame(kind: int, data: bytes) -> bytes:
    """Encodes a frame of a client, which is masked."""
    length = len(data)
    if length < 126:
        head = struct.pack("!BB", 0x80 | kind, 0x80 | length)
    elif length < 1 << 16:
        head = struct.pack("!BBH", 0x80 | kind, 0x80 | 126, length)
    else:
        head = struct.pack("!BBQ", 0x80 | kind, 0x80 | 127, length)
    key = os.urandom(4)
    return head + key + mask(data, key)


class Frames:
    """Decodes the frames of a service. `replies` are the frames that the client must send: pongs, and the closing frame."""

    def __init__(self) -> None:
        self.buffer, self.messages, self.replies = bytearray(), [], bytearray()  # type: Tuple[bytearray, List[bytes], bytearray]
        self.closed: Optional[Closed] = None
        self._parts: List[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> None:
        """Decodes received bytes; complete messages are appended to `messages`."""
        self.buffer += data
        position, view = 0, memoryview(self.buffer)
        try:
            while self.closed is None:
                parsed = self._head(view, position)
                if parsed is None or parsed[2] + parsed[3] > len(view):
                    break
                first, _, start, length = parsed
                self._take(first, bytes(view[start : start + length]))
                position = start + length
        finally:
            view.release()
        del self.buffer[:position]

    def _head(self, view: memoryview, position: int) -> Optional[Tuple[int, int, int, int]]:
        """Returns both bytes of a frame's head, the position of its payload, and its length; `None` if it is incomplete."""
        if len(view) - position < 2:
            return None
        first, second = view[position], view[position + 1]
        length, start = second & 0x7F, position + 2
        if length == 126:
            if len(view) - start < 2:
                return None
            (length,), start = struct.unpack_from("!H", view, start), start + 2
        elif length == 127:
            if len(view) - start < 8:
                return None
            (length,), start = struct.unpack_from("!Q", view, start), start + 8
        if second & 0x80 or first & 0x70 or length > MESSAGE_BYTES_MAX:
            raise ServiceUnavailable("the service sent an invalid WebSocket frame")
        return first, second, start, length

    def _take(self, first: int, payload: bytes) -> None:
        kind, is_last = first & 0x0F, first & 0x80
        is_control = kind in (CLOSE, PING, PONG)
        if is_control:
            is_valid = is_last and len(payload) < 126
        else:
            # A continuation follows a part, and nothing else does.
            is_valid = kind in (0, TEXT, BINARY) and (kind == 0) == bool(self._parts)
        if not is_valid:
            raise ServiceUnavailable("the service sent an invalid WebSocket frame")
        if kind == CLOSE:
            code = struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else 1005
            self.closed = Closed(code, payload[2:].decode("utf-8", "replace"))
            self.replies += frame(CLOSE, payload[:2])
        elif kind == PING:
            self.replies += frame(PONG, payload)
        elif kind != PONG:
            self._parts.append(payload)
            self._size += len(payload)
            if self._size > MESSAGE_BYTES_MAX:
                raise ServiceUnavailable(f"a reply of the service exceeds {MESSAGE_BYTES_MAX >> 20} MiB")
            if first & 0x80:
                self.messages.append(self._parts[0] if len(self._parts) == 1 else b"".join(self._parts))
                self._parts, self._size = [], 0

    def next_message(self) -> Optional[bytes]:
        """Removes and returns the next message; `None` if none is complete.

        Raises:
            Closed: The service closed the connection, and no message is left.
        """
        if self.messages:
            return self.messages.pop(0)
        if self.closed is not None:
            raise self.closed
        return None


def _host_header(host: str, port: int, tls: bool) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port == (443 if tls else 80) else f"{name}:{port}"


class Connection:
    """A blocking connection. While it sends, it receives too, so that neither side waits for the other."""

    def __init__(
        self,
        host: str,
        port: int,
        tls: Optional[ssl.SSLContext],
        path: str,
        headers: Dict[str, str],
        deadline: Optional[float] = None,
    ) -> None:
        try:
            plain = socket.create_connection((host, port), timeout=_left(deadline))
            try:
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._socket = tls.wrap_socket(plain, server_hostname=host) if tls else plain
            except BaseException:
                plain.close()
                raise
        except socket.timeout as error:
            raise DeadlineExceeded(f"{host}:{port} did not accept the connection in time") from error
        except OSError as error:
            raise ServiceUnavailable(f"{host}:{port} is unreachable: {error}") from error
        self._socket.setblocking(False)
        self._frames = Frames()
        try:
            request, key = handshake(_host_header(host, port, tls is not None), path, headers)
            self._send(request, deadline, during_handshake=True)
            head = bytearray()
            while b"\r\n\r\n" not in head:
                if len(head) > HEAD_BYTES_MAX:
                    raise ServiceUnavailable("the response to the WebSocket handshake is too long")
                head += self._receive(deadline)
            front, _, rest = bytes(head).partition(b"\r\n\r\n")
            check_handshake(front, rest, key)
            self._frames.feed(rest)
        except BaseException:
            self.close()
            raise

    def send(self, message: bytes, deadline: Optional[float] = None) -> None:
        """Sends a binary message.

        Raises:
            ServiceUnavailable: The connection is lost.
            DeadlineExceeded: The deadline, a value of `time.monotonic()`, has passed.
        """
        self._send(frame(BINARY, message), deadline)

    def receive(self, deadline: Optional[float] = None, wait: bool = True) -> Optional[bytes]:
        """Receives a message. Without `wait` it returns `None` if none has arrived."""
        while True:
            message = self._frames.next_message()
            if message is not None:
                return message
            if not wait and not select.select([self._socket], [], [], 0)[0]:
                return None
            self._feed(self._receive(deadline))

    def is_idle(self) -> bool:
        """Returns whether the connection is open and no bytes have arrived."""
        if self._frames.buffer or self._frames.messages or self._frames.closed:
            return False
        return not select.select([self._socket], [], [], 0)[0]

    def close(self) -> None:
        """Closes the connection without waiting for the service."""
        try:
            self._socket.send(frame(CLOSE, struct.pack("!H", 1000)))
        except (OSError, ValueError):
            pass
        self._socket.close()

    def abandon(self) -> None:
        """Closes the socket of this process only: that of the parent stays open."""
        self._socket.close()

    def _feed(self, data: bytes) -> None:
        self._frames.feed(data)
        if self._frames.replies:
            replies, self._frames.replies = bytes(self._frames.replies), bytearray()
            try:
                self._send(replies, time.monotonic() + 5)
            except ServiceUnavailable:
                if self._frames.closed is None:
                    raise

    def _send(self, data: bytes, deadline: Optional[float], during_handshake: bool = False) -> None:
        view, position = memoryview(data), 0
        while position < len(view):
            try:
                position += self._socket.send(view[position : position + _CHUNK])
                continue
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                pass
            except OSError as error:
                # A reason in a close frame explains more than the failed write.
                self._raise_reason()
                raise ServiceUnavailable(f"the connection is lost: {error}") from error
            readable, writable, _ = select.select([self._socket], [self._socket], [], _left(deadline))
            if not readable and not writable:
                raise DeadlineExceeded("the service did not accept the request in time")
            if readable and not during_handshake:
                received = self._receive_some()
                if received:
                    self._frames.feed(received)

    def _raise_reason(self) -> None:
        try:
            received = self._receive_some()
            while received:
                self._frames.feed(received)
                received = self._receive_some()
        except ServiceUnavailable:
            pass
        if self._frames.closed is not None:
            raise self._frames.closed

    def _receive_some(self) -> Optional[bytes]:
        """Receives the bytes that have arrived; `None` if there are none."""
        try:
            data = self._socket.recv(_CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except OSError as error:
            raise ServiceUnavailable(f"the connection is lost: {error}") from error
        if not data:
            raise self._frames.closed or Closed(1006, "the connection ended")
        return data

    def _receive(self, deadline: Optional[float]) -> bytes:
        while True:
            data = self._receive_some()
            if data is not None:
                return data
            if not select.select([self._socket], [], [], _left(deadline))[0]:
                raise DeadlineExceeded("the service did not reply in time")


def _left(deadline: Optional[float]) -> Optional[float]:
    """Returns the seconds until a deadline, at least 0; `None` without one."""
    return None if deadline is None else max(0.0, deadline - time.monotonic())


class AsyncConnection:
    """A connection with asyncio. One task may send while another receives."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer, self._frames = reader, writer, Frames()
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def open(
        cls,
        host: str,
        port: int,
        tls: Optional[ssl.SSLContext],
        path: str,
        headers: Dict[str, str],
        deadline: Optional[float] = None,
    ) -> AsyncConnection:
        """Opens a connection.

        Raises:
            ServiceUnavailable: The service is unreachable, or refused the connection.
            DeadlineExceeded: The deadline, a value of `time.monotonic()`, has passed.
        """
        try:
            return await asyncio.wait_for(cls._open(host, port, tls, path, headers), _left(deadline))
        except asyncio.TimeoutError as error:
            raise DeadlineExceeded(f"{host}:{port} did not accept the connection in time") from error

    @classmethod
    async def _open(
        cls, host: str, port: int, tls: Optional[ssl.SSLContext], path: str, headers: Dict[str, str]
    ) -> AsyncConnection:
        try:
            reader, writer = await asyncio.open_connection(host, port, ssl=tls, limit=_CHUNK)
        except OSError as error:
            raise ServiceUnavailable(f"{host}:{port} is unreachable: {error}") from error
        connection = cls(reader, writer)
        try:
            request, key = handshake(_host_header(host, port, tls is not None), path, headers)
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            check_handshake(head[:-4], b"", key)
        except ServiceUnavailable:
            connection.close()
            raise
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            connection.close()
            raise ServiceUnavailable(f"{host}:{port} is not a WebSocket service: {error}") from error
        except BaseException:
            connection.close()
            raise
        return connection

    async def send(self, message: bytes) -> None:
        """Sends a binary message, and waits while the service does not read."""
        try:
            self._writer.write(frame(BINARY, message))
            await self._writer.drain()
        except OSError as error:
            raise self._frames.closed or ServiceUnavailable(f"the connection is lost: {error}") from error

    async def receive(self) -> bytes:
        """Receives a message."""
        while True:
            message = self._frames.next_message()
            if message is not None:
                return message
            try:
                data = await self._reader.read(_CHUNK)
            except OSError as error:
                raise ServiceUnavailable(f"the connection is lost: {error}") from error
            if not data:
                raise self._frames.closed or Closed(1006, "the connection ended")
            self._frames.feed(data)
            if self._frames.replies:
                self._writer.write(bytes(self._frames.replies))
                self._frames.replies = bytearray()

    def is_idle(self) -> bool:
        """Returns whether the connection is open and has no unread messages."""
        return not (self._frames.messages or self._frames.closed or self._reader.at_eof() or self._writer.is_closing())

    def shut_down(self) -> None:
        """Ends the connection from outside of its event loop."""
        try:
            self._writer.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def is_of_this_loop(self) -> bool:
        """Returns whether the running event loop has opened the connection; no other one can use it."""
        return self._loop is asyncio.get_running_loop()

    def close(self) -> None:
        """Closes the connection without waiting for the service."""
        if not self._writer.is_closing():
            try:
                self._writer.write(frame(CLOSE, struct.pack("!H", 1000)))
                self._writer.close()
            except (OSError, RuntimeError):
                pass
