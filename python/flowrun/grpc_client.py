"""Requests of clients over gRPC. The package `grpcio` is an extra: `pip install 'flowrun-runtime[grpc]'`."""

from __future__ import annotations

import threading
import time
from typing import Any, AsyncIterator, Callable, Dict, Iterator, Optional

from .errors import ClientError, DeadlineExceeded, MissingPackage, RequestError, ServiceUnavailable
from .protocol import Decoder, Request, Response

_CALL = "/jina.JinaRPC/Call"
_UNARY = "/jina.JinaSingleDataRequestRPC/process_single_data"
_STREAM = "/jina.JinaSingleDocumentRequestRPC/stream_doc"
_OPTIONS = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


def _grpc() -> Any:
    try:
        import grpc
    except ImportError as error:
        raise MissingPackage(
            "`grpc://` needs the package grpcio: install it by `pip install 'flowrun-runtime[grpc]'`, or use `ws://` or "
            "`http://`, which every port of flowrun serves too"
        ) from error
    return grpc


def _to_error(error: Any) -> ClientError:
    """Converts an error of grpcio."""
    code, detail = error.code().name, error.details() or ""
    if code == "DEADLINE_EXCEEDED":
        return DeadlineExceeded(detail or "the service did not reply in time")
    if code in ("UNAVAILABLE", "RESOURCE_EXHAUSTED", "CANCELLED"):
        return ServiceUnavailable(f"{code}: {detail}")
    return RequestError(f"{code}: {detail}", name=code)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _Progress:
    """Requests in flight in a stream, and the time since which a reply is due. gRPC has a deadline for the whole stream only."""

    def __init__(self, timeout: Optional[float]) -> None:
        self.timeout, self.is_overdue = timeout, False
        self._in_flight, self._sent = 0, 0.0
        self._reading: Optional[float] = None

    def send(self) -> None:
        """A request is sent."""
        if self._in_flight == 0:
            self._sent = time.monotonic()
        self._in_flight += 1

    def read(self) -> None:
        """The client waits for a reply."""
        self._reading = time.monotonic()

    def receive(self) -> None:
        """A reply has arrived; its consumer may take any time before the next one is read."""
        self._in_flight, self._reading = self._in_flight - 1, None

    def left(self) -> Optional[float]:
        """Returns the seconds until a reply is overdue, or until it is worth looking again."""
        if self.timeout is None:
            return None
        if self._in_flight == 0 or self._reading is None:
            return max(self.timeout, 0.01)
        return max(self._sent, self._reading) + self.timeout - time.monotonic()


class GrpcConnection:
    """A blocking channel."""

    def __init__(self, host: str, port: int, tls: bool, ca: Optional[bytes], headers: Dict[str, str]) -> None:
        grpc = self._grpc = _grpc()
        target = _address(host, port)
        if tls:
            self._channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(ca), options=_OPTIONS)
        else:
            self._channel = grpc.insecure_channel(target, options=_OPTIONS)
        self._metadata = [(name.lower(), value) for name, value in headers.items()]

    def exchange(
        self,
        requests: Iterator[Request],
        window: int,
        in_order: bool,
        decode: Optional[Decoder],
        timeout: Optional[float] = None,
    ) -> Iterator[Response]:
        """Sends requests in one stream, at most `window` at a time, and yields their replies.

        Raises:
            DeadlineExceeded: No reply arrived for `timeout` seconds.
        """
        slots, ended = threading.Semaphore(window), threading.Event()
        failure, progress = [], _Progress(timeout)

        def messages() -> Iterator[bytes]:
            try:
                while True:
                    slots.acquire()
                    if ended.is_set():
                        return
                    request = next(requests, None)
                    if request is None:
                        return
                    message = request.to_bytes()
                    progress.send()
                    yield message
            except Exception as error:
                # grpcio would replace it by an error of its own.
                failure.append(error)
                raise

        metadata = [
            *self._metadata,
            ("__prefetch__", str(window)),
            ("__results_in_order__", "true" if in_order else "false"),
        ]
        call = self._channel.stream_stream(_CALL)(messages(), metadata=metadata)

        def watch() -> None:
            left = progress.left()
            while left is not None and left > 0 and not ended.wait(left):
                left = progress.left()
            if not ended.is_set():
                progress.is_overdue = True
                call.cancel()

        if timeout is not None:
            threading.Thread(target=watch, name="flowrun deadline", daemon=True).start()
        try:
            progress.read()
            for reply in call:
                progress.receive()
                slots.release()
                yield Response.from_bytes(reply, decode)
                progress.read()
            if failure:
                raise failure[0]
        except self._grpc.RpcError as error:
            if failure:
                raise failure[0] from None
            if progress.is_overdue:
                raise DeadlineExceeded("the service did not reply in time") from error
            raise _to_error(error) from error
        finally:
            ended.set()
            slots.release()
            call.cancel()

    def unary(self, request: Request, timeout: Optional[float], decode: Optional[Decoder]) -> Response:
        """Sends one request in a call of its own."""
        call = self._channel.unary_unary(_UNARY)
        try:
            reply = call(request.to_bytes(), metadata=self._metadata, timeout=timeout)
        except self._grpc.RpcError as error:
            raise _to_error(error) from error
        return Response.from_bytes(reply, decode)

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()


class AsyncGrpcConnection:
    """A channel with asyncio."""

    def __init__(self, host: str, port: int, tls: bool, ca: Optional[bytes], headers: Dict[str, str]) -> None:
        grpc = self._grpc = _grpc()
        target = _address(host, port)
        if tls:
            self._channel = grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(ca), options=_OPTIONS)
        else:
            self._channel = grpc.aio.insecure_channel(target, options=_OPTIONS)
        self._metadata = [(name.lower(), value) for name, value in headers.items()]

    async def exchange(
        self,
        requests: AsyncIterator[Request],
        window: int,
        in_order: bool,
        decode: Optional[Decoder],
        timeout: Optional[float] = None,
    ) -> AsyncIterator[Response]:
        """Sends requests in one stream, at most `window` at a time, and yields their replies.

        Raises:
            DeadlineExceeded: No reply arrived for `timeout` seconds.
        """
        import asyncio

        slots = asyncio.Semaphore(window)
        failure, progress = [], _Progress(timeout)

        async def messages() -> AsyncIterator[bytes]:
            try:
                async for request in requests:
                    await slots.acquire()
                    message = request.to_bytes()
                    progress.send()
                    yield message
            except Exception as error:
                failure.append(error)
                raise

        metadata = [
            *self._metadata,
            ("__prefetch__", str(window)),
            ("__results_in_order__", "true" if in_order else "false"),
        ]
        call = self._channel.stream_stream(_CALL)(messages(), metadata=metadata)

        async def watch() -> None:
            left = progress.left()
            while left is not None and left > 0:
                await asyncio.sleep(left)
                left = progress.left()
            progress.is_overdue = True
            call.cancel()

        watcher = asyncio.ensure_future(watch()) if timeout is not None else None
        try:
            progress.read()
            async for reply in call:
                progress.receive()
                slots.release()
                yield Response.from_bytes(reply, decode)
                progress.read()
            if failure:
                raise failure[0]
        except (self._grpc.RpcError, asyncio.CancelledError) as error:
            # A call that is cancelled by this process raises CancelledError.
            if progress.is_overdue:
                raise DeadlineExceeded("the service did not reply in time") from error
            if isinstance(error, asyncio.CancelledError):
                raise
            if failure:
                raise failure[0] from None
            raise _to_error(error) from error
        finally:
            if watcher is not None:
                watcher.cancel()
            call.cancel()

    async def stream_doc(
        self, request: Request, timeout: Optional[float], decode: Callable[[bytes], Any]
    ) -> AsyncIterator[Any]:
        """Sends one document, and yields those that the flow's last executor yields for it."""
        call = self._channel.unary_stream(_STREAM)(request.to_single_bytes(), metadata=self._metadata, timeout=timeout)
        try:
            async for reply in call:
                response = Response.from_single_bytes(reply, decode)
                if response.is_error:
                    raise response.error()
                yield response.docs
        except self._grpc.RpcError as error:
            raise _to_error(error) from error
        finally:
            call.cancel()

    async def close(self) -> None:
        """Closes the channel."""
        await self._channel.close()
