"""Clients of a served flow: blocking and with asyncio, over WebSocket, HTTP and gRPC."""

from __future__ import annotations

import asyncio as asyncio_module
import functools
import inspect
import logging
import os
import ssl as ssl_module
import threading
import time
import weakref
from collections import deque
from itertools import chain, islice
from typing import (
    Any,
    AsyncIterator,
    Callable,
    Deque,
    Dict,
    Iterator,
    List,
    Literal,
    Mapping,
    Optional,
    Tuple,
    Union,
    overload,
)

from .document import Document, DocumentArray, ReceivedDocuments, read_documents, write_texts
from .errors import DeadlineExceeded, ServiceUnavailable
from .protocol import TIMEOUT, Request, Response, address, split
from .websocket import AsyncConnection, Connection

# Documents per request.
REQUEST_SIZE = 100

# Requests in flight.
PREFETCH = 32

# Replies that wait for an earlier one, as a multiple of the requests in flight.
_REORDERED = 8

# Seconds that a client waits longer than the gateway, whose error names the executor.
_GRACE = 1.0

_log = logging.getLogger("flowrun")

_clients: weakref.WeakSet[SyncClient] = weakref.WeakSet()


def close_connections_to(port: int) -> None:
    """Closes the unused connections of this process to a flow on loopback that is about to end, and would wait for them."""
    for client in list(_clients):
        if client._settings.port == port and client._settings.host in ("127.0.0.1", "localhost", "::1"):
            client._close_idle()


def _abandon_connections() -> None:
    """Drops the connections of the parent in a forked process: replies would arrive in either process."""
    for client in list(_clients):
        idle, client._idle, client._lock = client._idle, [], threading.Lock()
        for connection in idle:
            connection.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_connections)

Callback = Callable[[Response], Any]


class _Schema:
    """Class of the documents of replies: that of `return_type`, otherwise that of the inputs."""

    def __init__(self) -> None:
        self.decode: Callable[[bytes], Any] = read_documents
        self.convert: Optional[Callable[[DocumentArray], Any]] = None
        self.empty: Callable[[], Any] = DocumentArray
        self.is_second = False

    @classmethod
    def find(cls, first: Any, return_type: Any, is_json: bool) -> _Schema:
        from .conversion import _is_first_schema, is_second_schema, second_schema_decoder, to_docarray

        schema = cls()
        model = getattr(return_type, "doc_type", return_type)
        if model in (None, Document, DocumentArray) or _is_ours(model):
            model = None
        if model is None and return_type is None and is_second_schema(first):
            model = type(first)
        if isinstance(model, type) and hasattr(model, "__fields__"):
            from docarray import DocList

            schema.empty = DocList[model]
            schema.convert = lambda docs: to_docarray(docs, model)
            if is_second_schema(first) and not is_json:
                schema.is_second, schema.decode = True, second_schema_decoder(model)
            else:
                schema.decode = lambda data: to_docarray(read_documents(data), model)
        elif model is not None or (return_type is None and _is_first_schema(first)):
            import docarray

            schema.empty = docarray.DocumentArray
            schema.convert = to_docarray
            schema.decode = lambda data: to_docarray(read_documents(data))
        return schema


def _is_ours(model: Any) -> bool:
    return isinstance(model, type) and issubclass(model, (Document, DocumentArray))


class _Settings:
    """Address and options of a client."""

    def __init__(
        self,
        host: Optional[str] = None,
        port: Optional[int] = None,
        protocol: Optional[str] = None,
        tls: bool = False,
        token: Optional[str] = None,
        ca: Optional[str] = None,
        ssl_context: Optional[ssl_module.SSLContext] = None,
        headers: Optional[Mapping[str, str]] = None,
        timeout: Optional[float] = None,
        prefetch: int = PREFETCH,
        max_attempts: int = 1,
        initial_backoff: float = 0.5,
        max_backoff: float = 5.0,
        backoff_multiplier: float = 1.5,
    ) -> None:
        scheme, self.host, found, scheme_tls, self.path = address(host or "127.0.0.1")
        names = {"websocket": "ws", "websockets": "ws", "wss": "ws", "https": "http", "grpcs": "grpc"}
        given = str(protocol).rpartition(".")[2].lower() if protocol is not None else ""
        self.protocol = scheme or names.get(given, given) or "ws"
        if self.protocol not in ("ws", "http", "grpc"):
            raise ValueError(f"unknown protocol {protocol!r}; use `grpc`, `http` or `websocket`")
        self.tls = tls or scheme_tls
        self.port = int(port or found or (443 if self.tls else 80))
        if not 0 < self.port < 65536:
            raise ValueError(f"`port` must be a number from 1 to 65535, not {port!r}")
        if prefetch < 1 or max_attempts < 1:
            raise ValueError("`prefetch` and `max_attempts` must be at least 1")
        self.ca, self.context = ca, None
        if self.tls:
            self.context = ssl_context or ssl_module.create_default_context(cafile=ca)
        self.headers = {**({"authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
        _check_headers(self.headers)
        self.timeout, self.prefetch, self.max_attempts = timeout, prefetch, max_attempts
        self._backoff = (initial_backoff, max_backoff, backoff_multiplier)

    def backoff(self, attempt: int) -> float:
        """Seconds before an attempt after the first."""
        initial, largest, multiplier = self._backoff
        return min(largest, initial * multiplier ** (attempt - 2))

    def ca_bytes(self) -> Optional[bytes]:
        if self.ca is None:
            return None
        with open(self.ca, "rb") as file:
            return file.read()

    def connection_arguments(self) -> Tuple[str, int, Optional[ssl_module.SSLContext], str, Dict[str, str]]:
        return self.host, self.port, self.context, self.path, self.headers

    def __repr__(self) -> str:
        return f"{self.protocol}{'s' if self.tls else ''}://{self.host}:{self.port}"


def _check_headers(headers: Mapping[str, str]) -> None:
    """Refuses headers that a transport would reject with an error that quotes them, because they may be secrets."""
    for name, value in headers.items():
        if not (isinstance(name, str) and isinstance(value, str) and (name + value).isascii() and (name + value).isprintable()):
            option = "`token`" if name == "authorization" else f"the header {name!r}"
            raise ValueError(
                f"{option} must be a text of printable ASCII characters without a line break; use `.strip()` if it is read from "
                "a file"
            )


class _Call:
    """One `post`: its options, and the requests that it consists of."""

    def __init__(
        self,
        settings: _Settings,
        on: str,
        inputs: Any,
        parameters: Optional[Dict[str, Any]],
        target_executor: Optional[str],
        request_size: int,
        timeout: Optional[float],
        prefetch: Optional[int],
        return_type: Any,
        max_attempts: Optional[int],
    ) -> None:
        if request_size < 1:
            raise ValueError("`request_size` must be at least 1")
        if not isinstance(on, str) or not on.startswith("/"):
            raise ValueError(f"the endpoint {on!r} must begin with a slash: `/search`")
        self.endpoint, self.target, self.size = on, target_executor, request_size
        self.timeout = settings.timeout if timeout is None else timeout
        if self.timeout is not None and (not isinstance(self.timeout, (int, float)) or not 0 <= self.timeout < float("inf")):
            raise ValueError(f"`timeout` must be a number of seconds, or None for no limit, not {self.timeout!r}")
        # Exception of the inputs, which no further attempt can mend.
        self.failure: Optional[Exception] = None
        self.window = max(1, prefetch or settings.prefetch)
        self.attempts = max_attempts or settings.max_attempts
        self.parameters = dict(parameters or {})
        if self.timeout is not None and settings.protocol != "http":
            self.parameters.setdefault(TIMEOUT, self.timeout)
        self._inputs, self._return_type, self._is_json = inputs, return_type, settings.protocol == "http"
        self.schema = _Schema()

    def requests(self) -> Iterator[Request]:
        """Yields the requests, reading the inputs as they are needed."""
        try:
            yield from self._requests()
        except Exception as error:
            self.failure = error
            raise

    def _requests(self) -> Iterator[Request]:
        from .conversion import from_objects, is_second_schema

        inputs = self._inputs
        if callable(inputs) and not hasattr(inputs, "__iter__"):
            inputs = inputs()
        first, inputs = _peek(inputs)
        self.schema = _Schema.find(first, self._return_type, self._is_json)
        if self.schema.is_second:
            from .conversion import second_schema_bytes

            items = [inputs] if is_second_schema(inputs) else inputs
            for batch in split(items, self.size):
                yield self._request(batch, second_schema_bytes(batch) if batch else b"")
            return
        if isinstance(first, (str, Document)) and not isinstance(inputs, (str, Document)):
            # Batches of texts are encoded without a document for each.
            for batch in _batches(inputs, self.size):
                yield self._request_of(batch)
            return
        for batch in split(from_objects(inputs), self.size):
            yield self._request(batch)

    def _request_of(self, batch: List[Any]) -> Request:
        """Returns the request of a batch of inputs."""
        from .conversion import from_objects

        types = set(map(type, batch))
        if types == {Document}:
            return self._request(batch)
        if types == {str} and not self._is_json:
            return self._request(batch, write_texts(batch))
        return self._request(list(from_objects(batch)))

    async def async_requests(self) -> AsyncIterator[Request]:
        """Like `requests`, also for an asynchronous iterator of inputs."""
        try:
            async for request in self._async_requests():
                yield request
        except Exception as error:
            self.failure = error
            raise

    async def _async_requests(self) -> AsyncIterator[Request]:
        if callable(self._inputs) and not hasattr(self._inputs, "__iter__"):
            self._inputs = self._inputs()
        if not hasattr(self._inputs, "__aiter__"):
            for request in self.requests():
                yield request
            return
        from .conversion import from_objects

        batch: List[Any] = []
        any_sent = False
        async for item in self._inputs:
            if not any_sent and not batch:
                self.schema = _Schema.find(item, self._return_type, self._is_json)
            batch.append(item)
            if len(batch) >= self.size:
                yield self._request(list(from_objects(batch)))
                batch, any_sent = [], True
        if batch or not any_sent:
            yield self._request(list(from_objects(batch)))

    def _request(self, docs: List[Any], raw: Optional[bytes] = None) -> Request:
        return Request(self.endpoint, docs, self.parameters, self.target, raw)

    def deadline(self, sent: float) -> Optional[float]:
        """Time at which the client stops to wait for a request that was sent at a time."""
        return None if self.timeout is None else sent + self.timeout + _GRACE


def _batches(inputs: Any, size: int) -> Iterator[List[Any]]:
    """Yields inputs in lists of `size`."""
    if isinstance(inputs, list):
        for start in range(0, len(inputs), size):
            yield list.__getitem__(inputs, slice(start, start + size))
        return
    items = iter(inputs)
    batch = list(islice(items, size))
    while batch:
        yield batch
        batch = list(islice(items, size))


def _peek(inputs: Any) -> Any:
    """Returns the first item of inputs, and the inputs with that item."""
    if isinstance(inputs, (str, bytes, bytearray, dict)) or not hasattr(inputs, "__iter__"):
        return inputs, inputs
    if type(inputs).__module__.startswith(("pandas.", "pyarrow.", "numpy")):
        return None, inputs
    if hasattr(inputs, "__next__"):
        for first in inputs:
            return _first_of(first), chain([first], inputs)
        return None, ()
    if hasattr(type(inputs), "to_protobuf") and not hasattr(inputs, "__getitem__"):
        # One document of docarray: iterating over it yields its fields.
        return inputs, inputs
    for first in inputs:
        return (
            (inputs, inputs) if isinstance(first, (str, tuple)) and hasattr(inputs, "to_protobuf") else (_first_of(first), inputs)
        )
    return None, inputs


def _first_of(item: Any) -> Any:
    """Returns the first document of a batch, or the item itself."""
    if isinstance(item, list) and item:
        return item[0]
    return item


class _Window:
    """Requests in flight, and replies that wait for an earlier one."""

    def __init__(self, call: _Call, in_order: bool) -> None:
        self._call, self._in_order = call, in_order
        self.pending: Dict[str, Request] = {}
        self._sent: Dict[str, float] = {}
        self._order: Deque[str] = deque()
        self._done: Dict[str, Response] = {}

    def is_full(self) -> bool:
        """Returns whether no further request may be sent."""
        limit = self._call.window
        return len(self.pending) >= limit or len(self._done) >= _REORDERED * limit

    def add(self, request: Request) -> None:
        """Adds a request that is sent now."""
        self.pending[request.id] = request
        self._sent[request.id] = time.monotonic()
        self._order.append(request.id)

    def restart(self) -> List[Request]:
        """Returns the requests in flight, which are sent again now."""
        self._sent = dict.fromkeys(self.pending, time.monotonic())
        return list(self.pending.values())

    def deadline(self) -> Optional[float]:
        """Deadline of the oldest request in flight."""
        return self._call.deadline(next(iter(self._sent.values()), time.monotonic()))

    def take(self, message: bytes) -> List[Response]:
        """Decodes a reply. Returns the replies that can be given out."""
        response = Response.from_bytes(message, self._call.schema.decode)
        request_id = response.header.request_id
        if self.pending.pop(request_id, None) is None:
            # The reply to a request of an earlier attempt.
            return []
        del self._sent[request_id]
        if not self._in_order:
            return [response]
        self._done[request_id] = response
        ready = []
        while self._order and self._order[0] in self._done:
            ready.append(self._done.pop(self._order.popleft()))
        return ready


class _Results:
    """Collects the replies of a call, and calls the callbacks."""

    def __init__(
        self,
        call: _Call,
        on_done: Optional[Callback],
        on_error: Optional[Callback],
        on_always: Optional[Callback],
        continue_on_error: bool,
        return_responses: bool,
    ) -> None:
        self._call, self._on_done, self._on_error, self._on_always = call, on_done, on_error, on_always
        self._continue, self._return_responses = continue_on_error, return_responses
        self.keeps = on_done is None and on_always is None
        self._responses: List[Response] = []

    def outcomes(self, response: Response) -> Iterator[Any]:
        """Calls the callbacks for a reply, and yields their return values.

        Raises:
            RequestError: The request failed, and neither `on_error` nor `continue_on_error` is set.
        """
        if response.is_error:
            if self._on_error is not None:
                yield self._on_error(response)
            elif self._continue:
                _log.error("a request failed: %s", response.header.status.description)
            else:
                if self._on_always is not None:
                    yield self._on_always(response)
                raise response.error()
        elif self._on_done is not None:
            yield self._on_done(response)
        if self._on_always is not None:
            yield self._on_always(response)

    def add(self, response: Response) -> None:
        """Keeps a reply for the result."""
        if self.keeps and not (response.is_error and not self._return_responses):
            self._responses.append(response)

    def result(self) -> Any:
        """The documents of all replies, or the replies."""
        if self._return_responses:
            return self._responses
        if self._call.schema.decode is read_documents:
            received = ReceivedDocuments()
            if all(response.add_to(received) for response in self._responses):
                return received
        docs = self._call.schema.empty()
        for response in self._responses:
            docs.extend(response.docs)
        return docs


class _Shortcuts:
    """Methods for the usual endpoints."""

    post: Any

    def index(self, inputs: Any = None, **options: Any) -> Any:
        """Posts to `/index`; see `post`."""
        return self.post("/index", inputs, **options)

    def search(self, inputs: Any = None, **options: Any) -> Any:
        """Posts to `/search`; see `post`."""
        return self.post("/search", inputs, **options)

    def update(self, inputs: Any = None, **options: Any) -> Any:
        """Posts to `/update`; see `post`."""
        return self.post("/update", inputs, **options)

    def delete(self, inputs: Any = None, **options: Any) -> Any:
        """Posts to `/delete`; see `post`. `ids=[…]` among the parameters names documents without sending them."""
        return self.post("/delete", inputs, **options)


class SyncClient(_Shortcuts):
    """A blocking client; `Client` creates one. Threads may share it.

    Example:
        >>> client = Client(host="ws://127.0.0.1:8080")  # doctest: +SKIP
        >>> client.post("/search", "smile", parameters={"limit": 3})[0].matches.texts  # doctest: +SKIP
    """

    def __init__(self, settings: _Settings) -> None:
        self._settings = settings
        self._idle: List[Any] = []
        self._lock = threading.Lock()
        _clients.add(self)
        if settings.protocol == "grpc":
            from .grpc_client import GrpcConnection

            self._grpc: Any = GrpcConnection(settings.host, settings.port, settings.tls, settings.ca_bytes(), settings.headers)

    def post(
        self,
        on: str,
        inputs: Any = None,
        on_done: Optional[Callback] = None,
        on_error: Optional[Callback] = None,
        on_always: Optional[Callback] = None,
        parameters: Optional[Dict[str, Any]] = None,
        target_executor: Optional[str] = None,
        request_size: int = REQUEST_SIZE,
        *,
        continue_on_error: bool = False,
        return_responses: bool = False,
        return_type: Any = None,
        results_in_order: bool = True,
        stream: bool = True,
        timeout: Optional[float] = None,
        prefetch: Optional[int] = None,
        max_attempts: Optional[int] = None,
        show_progress: bool = False,
    ) -> Any:
        """Sends documents to an endpoint and returns the documents of the replies.

        Args:
            on: Endpoint: `/search`.
            inputs: Documents: `Document`, `str`, `bytes`, `dict`, paths, arrays, pictures, documents of docarray, a table of
                pandas or pyarrow; one of them or an iterable, which is read as requests are sent.
            on_done: Called with the `Response` of each successful request; the replies are then not collected.
            on_error: Called with the `Response` of each failed request, instead of an exception.
            on_always: Called with each `Response`; the replies are then not collected.
            parameters: Parameters of the request.
            target_executor: Regular expression of the executors that process the request.
            request_size: Documents per request.
            continue_on_error: Logs failed requests instead of raising an exception.
            return_responses: Returns the list of `Response` objects instead of their documents.
            return_type: Class of the returned documents: `DocList[MyDoc]` of docarray; default: that of the inputs.
            results_in_order: Passes replies in the order of the inputs instead of that of their arrival.
            stream: Over gRPC, `False` sends every request in a call of its own.
            timeout: Seconds until a request fails with `DeadlineExceeded` or an error of the gateway.
            prefetch: Requests in flight.
            max_attempts: Attempts to send a request when the connection fails. An executor may then see a request twice.
            show_progress: No effect; for scripts of Jina.

        Returns:
            A `DocumentArray`; with `on_done` or `on_always` an empty one.

        Raises:
            RequestError: A request failed, and `on_error` is not set.
            ServiceUnavailable: The service is unreachable, or the connection was lost.
            DeadlineExceeded: No reply arrived in time.

        Example:
            >>> docs = client.post("/search", ["smile"], parameters={"limit": 3})  # doctest: +SKIP
        """
        call = _Call(
            self._settings,
            on,
            inputs,
            parameters,
            target_executor,
            request_size,
            timeout,
            prefetch,
            return_type,
            max_attempts,
        )
        results = _Results(call, on_done, on_error, on_always, continue_on_error, return_responses)
        for response in self._responses(call, results_in_order, stream):
            for _ in results.outcomes(response):
                pass
            results.add(response)
        return results.result()

    def stream(self, on: str, inputs: Any = None, *, in_order: bool = False, **options: Any) -> Iterator[Any]:
        """Like `post`, but yields the documents of each reply as it arrives. Inputs are read while replies are consumed, so a
        stream without an end needs no memory. Replies must be read within seconds, because the gateway disconnects slow readers.

        Args:
            on: Endpoint.
            inputs: Documents, as for `post`.
            in_order: Yields replies in the order of the inputs.
            **options: `parameters`, `request_size`, `timeout`, `prefetch`, … of `post`.

        Raises:
            RequestError: A request failed.
        """
        call = _call(self._settings, on, inputs, options)
        for response in self._responses(call, in_order, True):
            if response.is_error:
                raise response.error()
            yield response.docs

    def _responses(self, call: _Call, in_order: bool, stream: bool) -> Iterator[Response]:
        if self._settings.protocol == "http":
            return self._over_http(call)
        if self._settings.protocol == "grpc":
            return self._over_grpc(call, in_order, stream)
        return self._over_websocket(call, in_order)

    def _over_websocket(self, call: _Call, in_order: bool) -> Iterator[Response]:
        window, requests, attempt = _Window(call, in_order), call.requests(), 1
        connection: Optional[Connection] = None
        finished = False
        try:
            while True:
                try:
                    if connection is None:
                        connection = self._connect(call)
                        for request in window.restart():
                            connection.send(request.to_bytes(), window.deadline())
                    while not finished and not window.is_full():
                        next_request = next(requests, None)
                        if next_request is None:
                            finished = True
                            break
                        window.add(next_request)
                        connection.send(next_request.to_bytes(), window.deadline())
                    if not window.pending:
                        if finished:
                            break
                        continue
                    message = connection.receive(window.deadline())
                except ServiceUnavailable as error:
                    attempt += 1
                    if attempt > call.attempts or error is call.failure:
                        raise
                    if connection is not None:
                        connection.close()
                    connection = None
                    time.sleep(self._settings.backoff(attempt))
                    continue
                attempt = 1
                yield from window.take(message or b"")
            self._give_back(connection)
            connection = None
        finally:
            if connection is not None:
                connection.close()

    def _connect(self, call: _Call) -> Connection:
        with self._lock:
            while self._idle:
                connection: Connection = self._idle.pop()
                if connection.is_idle():
                    return connection
                connection.close()
        return Connection(*self._settings.connection_arguments(), call.deadline(time.monotonic()))

    def _give_back(self, connection: Optional[Any]) -> None:
        if connection is not None:
            with self._lock:
                self._idle.append(connection)

    def _over_http(self, call: _Call) -> Iterator[Response]:
        from .http_client import HttpConnection

        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = HttpConnection(*self._settings.connection_arguments())
        try:
            for request in call.requests():
                exchange = functools.partial(connection.exchange, request, call.timeout, call.schema.convert)
                yield _attempts(self._settings, call, exchange)
        finally:
            self._give_back(connection)

    def _over_grpc(self, call: _Call, in_order: bool, stream: bool) -> Iterator[Response]:
        if not stream:
            for request in call.requests():
                unary = functools.partial(self._grpc.unary, request, call.deadline(0.0), lambda data: call.schema.decode(data))
                yield _attempts(self._settings, call, unary)
            return
        attempt, started = 1, False
        sent = _Repeated(call.requests()) if call.attempts > 1 else None
        while True:
            requests = call.requests() if sent is None else sent.requests()
            try:
                for response in self._grpc.exchange(
                    requests, call.window, in_order, lambda data: call.schema.decode(data), call.deadline(0.0)
                ):
                    started = True
                    if sent is not None:
                        sent.is_kept = False
                    yield response
                return
            except ServiceUnavailable as error:
                attempt += 1
                # The requests before the first reply are kept, no others.
                if attempt > call.attempts or started or error is call.failure:
                    raise
                time.sleep(self._settings.backoff(attempt))

    def is_flow_ready(self, timeout: Optional[float] = 10.0) -> bool:
        """Returns whether every executor of the flow answers."""
        from .http_client import HttpConnection

        connection = HttpConnection(*self._settings.connection_arguments())
        try:
            return connection.get("/ready", timeout) == 200
        except (ServiceUnavailable, DeadlineExceeded):
            return False
        finally:
            connection.close()

    dry_run = is_flow_ready

    def _close_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def close(self) -> None:
        """Closes the connections. The client can be used again afterwards, except over gRPC."""
        self._close_idle()
        if self._settings.protocol == "grpc":
            self._grpc.close()

    def __enter__(self) -> SyncClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({str(self._settings)!r})"


class _Repeated:
    """Requests of which further attempts get all again. The thread of an earlier attempt may still read one."""

    def __init__(self, requests: Iterator[Request]) -> None:
        self.is_kept = True
        self._requests, self._lock = requests, threading.Lock()
        self._sent: List[Request] = []

    def requests(self) -> Iterator[Request]:
        """Yields the requests from the first one."""
        position = 0
        while True:
            with self._lock:
                request = self._sent[position] if position < len(self._sent) else next(self._requests, None)
                if request is None:
                    return
                if self.is_kept and position == len(self._sent):
                    self._sent.append(request)
            position += 1
            yield request


def _attempts(settings: _Settings, call: _Call, send: Callable[[], Response]) -> Response:
    """Sends a request, and again while the service is unavailable and attempts are left."""
    for attempt in range(2, call.attempts + 1):
        try:
            return send()
        except ServiceUnavailable:
            time.sleep(settings.backoff(attempt))
    return send()


def _call(settings: _Settings, on: str, inputs: Any, options: Dict[str, Any]) -> _Call:
    """Creates a call from the options of `stream`."""
    names = ("parameters", "target_executor", "timeout", "prefetch", "return_type", "max_attempts")
    unknown = set(options) - set(names) - {"request_size"}
    if unknown:
        raise TypeError(f"`stream` has no option `{sorted(unknown)[0]}`")
    known = {name: options.get(name) for name in names}
    return _Call(settings, on, inputs, request_size=options.get("request_size") or REQUEST_SIZE, **known)


class AsyncClient(_Shortcuts):
    """A client with asyncio; `Client(asyncio=True)` creates one.

    Example:
        >>> async def main():
        ...     async with Client(host="ws://127.0.0.1:8080", asyncio=True) as client:
        ...         async for docs in client.post("/search", "smile"):
        ...             print(docs.texts)
    """

    def __init__(self, settings: _Settings) -> None:
        self._settings = settings
        self._idle: List[Any] = []
        self._grpc: Any = None
        self._grpc_loop: Any = None

    async def post(
        self,
        on: str,
        inputs: Any = None,
        on_done: Optional[Callback] = None,
        on_error: Optional[Callback] = None,
        on_always: Optional[Callback] = None,
        parameters: Optional[Dict[str, Any]] = None,
        target_executor: Optional[str] = None,
        request_size: int = REQUEST_SIZE,
        *,
        continue_on_error: bool = False,
        return_responses: bool = False,
        return_type: Any = None,
        results_in_order: bool = False,
        stream: bool = True,
        timeout: Optional[float] = None,
        prefetch: Optional[int] = None,
        max_attempts: Optional[int] = None,
        show_progress: bool = False,
    ) -> AsyncIterator[Any]:
        """Sends documents to an endpoint and yields the documents of each reply, by default as they arrive.

        The arguments are those of `SyncClient.post`; `inputs` may be an asynchronous iterator, and callbacks may be coroutines.
        Inputs are read while replies are consumed (backpressure).

        Raises:
            RequestError: A request failed, and `on_error` is not set.
            ServiceUnavailable: The service is unreachable, or the connection was lost.
            DeadlineExceeded: No reply arrived in time.
        """
        call = _Call(
            self._settings,
            on,
            inputs,
            parameters,
            target_executor,
            request_size,
            timeout,
            prefetch,
            return_type,
            max_attempts,
        )
        results = _Results(call, on_done, on_error, on_always, continue_on_error, return_responses)
        async for response in self._responses(call, results_in_order):
            for returned in results.outcomes(response):
                if inspect.isawaitable(returned):
                    await returned
            if not results.keeps or (response.is_error and not return_responses):
                continue
            yield response if return_responses else response.docs

    def _responses(self, call: _Call, in_order: bool) -> AsyncIterator[Response]:
        if self._settings.protocol == "http":
            return self._over_http(call)
        if self._settings.protocol == "grpc":
            return self._over_grpc(call, in_order)
        return self._over_websocket(call, in_order)

    async def _over_websocket(self, call: _Call, in_order: bool) -> AsyncIterator[Response]:
        window, attempt = _Window(call, in_order), 1
        requests = call.async_requests()
        finished = [False]
        capacity = asyncio_module.Event()
        connection: Optional[AsyncConnection] = None
        sender: Optional[Any] = None

        async def send(connection: AsyncConnection) -> None:
            for request in window.restart():
                await connection.send(request.to_bytes())
            while not finished[0]:
                while window.is_full():
                    capacity.clear()
                    await capacity.wait()
                try:
                    request = await requests.__anext__()
                except StopAsyncIteration:
                    finished[0] = True
                    return
                window.add(request)
                await connection.send(request.to_bytes())

        try:
            while True:
                try:
                    if connection is None:
                        connection = await self._connect(call)
                        sender = asyncio_module.ensure_future(send(connection))
                    message = await _receive(connection, sender, window)
                except ServiceUnavailable as error:
                    attempt += 1
                    if attempt > call.attempts or error is call.failure:
                        raise
                    await _end(sender)
                    if connection is not None:
                        connection.close()
                    connection = None
                    await asyncio_module.sleep(self._settings.backoff(attempt))
                    continue
                if message is None:
                    break
                attempt = 1
                ready = window.take(message)
                capacity.set()
                for response in ready:
                    yield response
            self._idle.append(connection)
            connection = None
        finally:
            await _end(sender)
            if connection is not None:
                connection.close()

    async def _connect(self, call: _Call) -> AsyncConnection:
        while self._idle:
            connection: AsyncConnection = self._idle.pop()
            if not connection.is_of_this_loop():
                # Only its own loop can close it, and usually that one has ended.
                continue
            if connection.is_idle():
                return connection
            connection.close()
        return await AsyncConnection.open(*self._settings.connection_arguments(), call.deadline(time.monotonic()))

    async def _over_http(self, call: _Call) -> AsyncIterator[Response]:
        from .http_client import HttpConnection

        connection = self._idle.pop() if self._idle else HttpConnection(*self._settings.connection_arguments())
        loop = asyncio_module.get_running_loop()
        in_use = False
        try:
            async for request in call.async_requests():
                exchange = functools.partial(connection.exchange, request, call.timeout, call.schema.convert)
                in_use = True
                # On a thread, because the HTTP client of the standard library blocks.
                response = await loop.run_in_executor(None, _attempts, self._settings, call, exchange)
                in_use = False
                yield response
        finally:
            # The thread of a task that was cancelled still reads from its connection.
            if not in_use:
                self._idle.append(connection)

    def _grpc_connection(self) -> Any:
        loop = asyncio_module.get_running_loop()
        if self._grpc is None or self._grpc_loop is not loop:
            from .grpc_client import AsyncGrpcConnection

            self._grpc_loop = loop

            settings = self._settings
            self._grpc = AsyncGrpcConnection(settings.host, settings.port, settings.tls, settings.ca_bytes(), settings.headers)
        return self._grpc

    async def _over_grpc(self, call: _Call, in_order: bool) -> AsyncIterator[Response]:
        responses = self._grpc_connection().exchange(
            call.async_requests(), call.window, in_order, lambda data: call.schema.decode(data), call.deadline(0.0)
        )
        async for response in responses:
            yield response

    async def stream_doc(
        self,
        on: str,
        inputs: Any,
        parameters: Optional[Dict[str, Any]] = None,
        return_type: Any = None,
        timeout: Optional[float] = None,
    ) -> AsyncIterator[Any]:
        """Sends one document, and yields the documents that the flow's last executor yields for it, one by one. Needs gRPC.

        Args:
            on: Endpoint of a generator.
            inputs: One document.
            parameters: Parameters of the request.
            return_type: Class of the documents; default: that of the input.
            timeout: Seconds until the stream fails.

        Raises:
            RequestError: The request failed.
            ValueError: The client does not use gRPC.
        """
        if self._settings.protocol != "grpc":
            raise ValueError("`stream_doc` needs a client with `grpc://`; `post` yields the same documents together")
        options = {"parameters": parameters, "return_type": return_type, "timeout": timeout}
        call = _call(self._settings, on, inputs, options)
        request = next(call.requests())
        async for doc in self._grpc_connection().stream_doc(request, call.timeout, call.schema.decode):
            yield doc

    async def is_flow_ready(self, timeout: Optional[float] = 10.0) -> bool:
        """Returns whether every executor of the flow answers."""
        loop = asyncio_module.get_running_loop()
        return await loop.run_in_executor(None, SyncClient.is_flow_ready, _Plain(self._settings), timeout)

    dry_run = is_flow_ready

    async def close(self) -> None:
        """Closes the connections."""
        idle, self._idle = self._idle, []
        for connection in idle:
            if not isinstance(connection, AsyncConnection) or connection.is_of_this_loop():
                connection.close()
        if self._grpc is not None and self._grpc_loop is asyncio_module.get_running_loop():
            await self._grpc.close()
        self._grpc = None

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def shut_down(self) -> None:
        """Ends the unused connections from outside of their event loops."""
        idle, self._idle = self._idle, []
        for connection in idle:
            if isinstance(connection, AsyncConnection):
                connection.shut_down()
            else:
                connection.close()

    def __repr__(self) -> str:
        return f"Client({str(self._settings)!r}, asyncio=True)"


class _Plain(SyncClient):
    """Settings in the form that `SyncClient.is_flow_ready` reads."""

    def __init__(self, settings: _Settings) -> None:
        self._settings = settings


async def _receive(connection: AsyncConnection, sender: Any, window: _Window) -> Optional[bytes]:
    """Receives a message while `sender` sends; `None` once it has sent everything and no request is in flight."""
    receiver: Optional[Any] = None
    try:
        while True:
            if sender.done():
                # Raises the exception of the inputs or of the connection.
                sender.result()
                if not window.pending:
                    return None
            receiver = receiver or asyncio_module.ensure_future(connection.receive())
            waiting = {receiver} if sender.done() else {receiver, sender}
            deadline = window.deadline() if window.pending else None
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            done, _ = await asyncio_module.wait(waiting, timeout=left, return_when=asyncio_module.FIRST_COMPLETED)
            if receiver in done:
                message: bytes = receiver.result()
                return message
            if not done:
                raise DeadlineExceeded("the service did not reply in time")
    finally:
        await _end(receiver)


async def _end(task: Optional[Any]) -> None:
    """Cancels a task and waits for its end."""
    if task is None:
        return
    if not task.done():
        task.cancel()
    await asyncio_module.wait([task])
    if not task.cancelled():
        # Marks its exception as retrieved.
        task.exception()


# Options of Jina's client without effect here.
_WITHOUT_EFFECT = {
    "compression", "grpc_channel_options", "log_config", "metrics", "metrics_exporter_host", "metrics_exporter_port", "name",
    "proxy", "quiet", "quiet_error", "reuse_session", "suppress_root_logging", "traces_exporter_host",
    "traces_exporter_port", "tracing",
}  # fmt: skip


@overload
def Client(host: Optional[str] = ..., *, asyncio: Literal[True], **options: Any) -> AsyncClient: ...
@overload
def Client(host: Optional[str] = ..., *, asyncio: Literal[False] = ..., **options: Any) -> SyncClient: ...
def Client(host: Optional[str] = None, *, asyncio: bool = False, **options: Any) -> Union[SyncClient, AsyncClient]:
    """Creates a client of a served flow. The connection is opened by the first request.

    Args:
        host: Address: `ws://HOST:PORT`, `http://HOST:PORT`, `grpc://HOST:PORT`, with TLS `wss://`, `https://`, `grpcs://`.
            Without a scheme, WebSocket: every port of flowrun serves all protocols.
        asyncio: Creates an `AsyncClient`, whose `post` is an asynchronous iterator.
        **options: `port` and `protocol` (`grpc`, `http`, `websocket`) instead of those in `host`; `tls`; `token` of the service;
            `ca`, a file with the certificates to trust, or `ssl_context`; `headers`, further ones of each connection;
            `timeout` in seconds and `prefetch`, the defaults of `post`; `max_attempts`, `initial_backoff`, `max_backoff` and
            `backoff_multiplier` for connections that fail.

    Raises:
        ValueError: The address or an option is invalid.
        TypeError: There is no such option.
        MissingPackage: `grpc://`, and grpcio is not installed.

    Example:
        >>> Client(host="ws://127.0.0.1:8080")
        Client('ws://127.0.0.1:8080')
    """
    options = {name: value for name, value in options.items() if name not in _WITHOUT_EFFECT}
    settings = _Settings(host, **options)
    return AsyncClient(settings) if asyncio else SyncClient(settings)
