"""Requests and replies of clients, as messages of the type `DataRequestProto` and as JSON.

The executors' side of the same messages is in `messages.py`; `websocket.py`, `http_client.py` and `grpc_client.py` send them.
"""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

from . import wire
from .document import Document, DocumentArray, ReceivedDocuments, read_documents, write_documents
from .errors import RequestError

# Parameter with the seconds after which the gateway ends a request.
TIMEOUT = "__timeout__"

# Decodes the bytes of documents, a `DocumentArrayProto` or a `DocListProto`.
Decoder = Callable[[bytes], Any]


class Request:
    """One request: the documents are encoded already, except for JSON."""

    __slots__ = ("count", "docs", "endpoint", "id", "parameters", "raw", "target_executor")

    def __init__(
        self,
        endpoint: str,
        docs: Sequence[Document],
        parameters: Dict[str, Any],
        target_executor: Optional[str] = None,
        raw: Optional[bytes] = None,
    ) -> None:
        self.endpoint, self.docs, self.parameters, self.target_executor = endpoint, docs, parameters, target_executor
        self.id, self.raw, self.count = os.urandom(16).hex(), raw, len(docs)

    def to_bytes(self) -> bytes:
        """Encodes the request as a `DataRequestProto`."""
        head = wire.text_field(1, self.id) + wire.block(3, self.endpoint.encode())
        if self.target_executor:
            head += wire.block(4, self.target_executor.encode())
        docs = write_documents(self.docs) if self.raw is None else self.raw
        parameters = wire.block(2, wire.write_struct(self.parameters)) if self.parameters else b""
        return wire.block(1, head) + parameters + wire.block(4, wire.block(1, docs))

    def to_single_bytes(self) -> bytes:
        """Encodes the request as a `SingleDocumentRequestProto`, with the first document."""
        docs = wire.first_fields(write_documents(self.docs) if self.raw is None else self.raw)
        head = wire.text_field(1, self.id) + wire.block(3, self.endpoint.encode())
        parameters = wire.block(2, wire.write_struct(self.parameters)) if self.parameters else b""
        return wire.block(1, head) + parameters + (wire.block(4, docs[0]) if docs else b"")

    def to_dict(self) -> Dict[str, Any]:
        """Returns the request as a dictionary for JSON."""
        from .conversion import to_dict

        request: Dict[str, Any] = {
            "header": {"request_id": self.id},
            "exec_endpoint": self.endpoint,
            "parameters": self.parameters,
            "data": [to_dict(doc) for doc in self.docs],
        }
        if self.target_executor:
            request["target_executor"] = self.target_executor
        return request


class ExceptionInfo:
    """Exception of an executor, in the status of a reply."""

    __slots__ = ("args", "executor", "name", "stacks")

    def __init__(self, name: str, args: List[str], stacks: List[str], executor: str) -> None:
        self.name, self.args, self.stacks, self.executor = name, args, stacks, executor


class Status:
    """Status of a reply: `code` is 0 for success, 1 for an error."""

    __slots__ = ("code", "description", "exception")

    SUCCESS, ERROR = 0, 1

    def __init__(self, code: int = 0, description: str = "", exception: Optional[ExceptionInfo] = None) -> None:
        self.code, self.description, self.exception = code, description, exception


class Header:
    """Header of a reply."""

    __slots__ = ("exec_endpoint", "request_id", "status")

    def __init__(self, request_id: str, exec_endpoint: str, status: Status) -> None:
        self.request_id, self.exec_endpoint, self.status = request_id, exec_endpoint, status


class Route:
    """An executor that a request has passed, with the seconds that it took, if they were measured."""

    __slots__ = ("executor", "seconds")

    def __init__(self, executor: str, seconds: Optional[float]) -> None:
        self.executor, self.seconds = executor, seconds

    def __repr__(self) -> str:
        return f"Route({self.executor!r}, {self.seconds})"


class Response:
    """A reply, decoded when its parts are accessed.

    Attributes:
        header: `request_id`, `exec_endpoint` and `status` of the reply.

    Example:
        >>> def print_number(response):
        ...     print(len(response.docs), response.parameters)
    """

    __slots__ = ("_decode", "_docs", "_parameters", "_raw_docs", "_raw_parameters", "_raw_routes", "header")

    header: Header
    _decode: Decoder
    _docs: Any
    _parameters: Optional[Dict[str, Any]]
    _raw_docs: bytes
    _raw_parameters: bytes
    _raw_routes: List[bytes]

    @classmethod
    def from_bytes(cls, data: bytes, decode: Optional[Decoder] = None) -> Response:
        """Decodes a `DataRequestProto`. `decode` converts the bytes of the documents.

        Raises:
            RequestError: The bytes are no such message.
        """
        try:
            return cls._from_bytes(data, decode)
        except (TypeError, ValueError) as error:
            raise _unreadable(error) from error

    @classmethod
    def _from_bytes(cls, data: bytes, decode: Optional[Decoder]) -> Response:
        response = cls.__new__(cls)
        response._decode, response._docs, response._parameters = decode or read_documents, None, None
        response._raw_docs, response._raw_parameters, response._raw_routes = b"", b"", []
        header = b""
        for field, _, value, _, _ in wire.fields(data):
            if field == 1:
                header = value
            elif field == 2:
                response._raw_parameters = value
            elif field == 3:
                response._raw_routes.append(value)
            elif field == 4:
                response._raw_docs = b"".join(wire.first_fields(value))
        response.header = _read_header(header)
        return response

    @classmethod
    def from_single_bytes(cls, data: bytes, decode: Callable[[bytes], Any]) -> Response:
        """Decodes a `SingleDocumentRequestProto`; `docs` is its document."""
        response = cls.from_bytes(data, lambda raw: decode(wire.block(1, raw))[0])
        # Unlike the message of several documents, this one has no list around the document.
        response._raw_docs = next((value for field, _, value, _, _ in wire.fields(data) if field == 4), b"")
        return response

    @classmethod
    def from_dict(cls, reply: Dict[str, Any], convert: Optional[Callable[[DocumentArray], Any]] = None) -> Response:
        """Reads a reply in JSON.

        Raises:
            RequestError: It has other members than a reply.
        """
        try:
            response = cls._from_dict(reply)
        except (AttributeError, RecursionError, TypeError, ValueError) as error:
            raise _unreadable(error) from error
        if convert is not None:
            response._docs = convert(response._docs)
        return response

    @classmethod
    def _from_dict(cls, reply: Dict[str, Any]) -> Response:
        from .conversion import from_dict

        response = cls.__new__(cls)
        response._docs = DocumentArray(from_dict(doc) for doc in reply.get("data") or ())
        response._parameters = reply.get("parameters") or {}
        response._decode, response._raw_docs, response._raw_parameters, response._raw_routes = read_documents, b"", b"", []
        header = reply.get("header") or {}
        status = header.get("status") or {}
        info = status.get("exception")
        exception = info and ExceptionInfo(
            info.get("name", ""), info.get("args") or [], info.get("stacks") or [], info.get("executor", "")
        )
        response.header = Header(
            header.get("requestId", ""),
            header.get("execEndpoint", ""),
            Status(status.get("code") or 0, status.get("description") or "", exception),
        )
        return response

    @property
    def docs(self) -> Any:
        """The documents: a `DocumentArray`, or documents of the class that `return_type` names."""
        if self._docs is None:
            self._docs = self._decode(self._raw_docs)
        return self._docs

    def add_to(self, docs: ReceivedDocuments) -> bool:
        """Appends the documents to a list without decoding them; returns whether they were encoded."""
        if self._docs is None:
            docs.add_encoded(self._raw_docs)
        return self._docs is None

    @property
    def data(self) -> Response:
        """The reply itself, for Jina's spelling `response.data.docs`."""
        return self

    @property
    def parameters(self) -> Dict[str, Any]:
        """Parameters of the reply: those of the request, `__results__` of executors that return dictionaries, and
        `__failed__`, the failed documents by id."""
        if self._parameters is None:
            self._parameters = wire.read_struct(self._raw_parameters)
        return self._parameters

    @property
    def results(self) -> Dict[str, Any]:
        """Dictionaries that executors have returned, by the name of the worker: `{"counter/rep-0": {"total": 3}}`."""
        return self.parameters.get("__results__") or {}

    @property
    def failed(self) -> Dict[str, Any]:
        """Documents that failed while the rest of the request succeeded, by id: `{"ID": {"executor": …, "kind": …,
        "message": …}}`."""
        return self.parameters.get("__failed__") or {}

    @property
    def routes(self) -> List[Route]:
        """Executors that the request has passed, the gateway first."""
        return [_read_route(route) for route in self._raw_routes]

    @property
    def status(self) -> Status:
        """Status of the request."""
        return self.header.status

    @property
    def is_error(self) -> bool:
        """True if the request failed."""
        return self.header.status.code != Status.SUCCESS

    def error(self) -> RequestError:
        """Returns the error of a failed request as an exception."""
        status = self.header.status
        info = status.exception or ExceptionInfo("", [], [], "")
        message = status.description or info.name or "the request failed"
        return RequestError(message, info.name, info.executor, info.args, info.stacks, self)

    def __repr__(self) -> str:
        outcome = f"error {self.header.status.description!r}" if self.is_error else "success"
        return f"Response({self.header.exec_endpoint!r}, {outcome})"


def _unreadable(error: Exception) -> RequestError:
    return RequestError(f"the reply of the service is invalid: {error}; is it a service of flowrun or Jina?")


def _read_header(data: bytes) -> Header:
    request_id = endpoint = ""
    status = Status()
    for field, _, value, _, _ in wire.fields(data):
        if field == 1:
            request_id = wire.read_text(value)
        elif field == 2:
            status = _read_status(value)
        elif field == 3:
            endpoint = wire.read_text(value)
    return Header(request_id, endpoint, status)


def _read_status(data: bytes) -> Status:
    status = Status()
    for field, _, value, _, _ in wire.fields(data):
        if field == 1:
            status.code = value
        elif field == 2:
            status.description = wire.read_text(value)
        elif field == 3:
            texts: Dict[int, List[str]] = {1: [], 2: [], 3: [], 4: []}
            for part, _, content, _, _ in wire.fields(value):
                if part in texts:
                    texts[part].append(wire.read_text(content))
            status.exception = ExceptionInfo("".join(texts[1][-1:]), texts[2], texts[3], "".join(texts[4][-1:]))
    return status


def _read_route(data: bytes) -> Route:
    executor = ""
    times: Dict[int, float] = {}
    for field, _, value, _, _ in wire.fields(data):
        if field == 1:
            executor = wire.read_text(value)
        elif field in (2, 3):
            parts = {part: content for part, _, content, _, _ in wire.fields(value)}
            times[field] = parts.get(1, 0) + parts.get(2, 0) / 1e9
    return Route(executor, times[3] - times[2] if len(times) == 2 else None)


def split(docs: Iterable[Any], size: int) -> Iterable[List[Any]]:
    """Yields the items in lists of `size`; one empty list if there are none, because a request may have no documents."""
    batch: List[Any] = []
    any_sent = False
    for doc in docs:
        batch.append(doc)
        if len(batch) >= size:
            yield batch
            batch, any_sent = [], True
    if batch or not any_sent:
        yield batch


def address(host: str) -> Tuple[str, str, int, bool, str]:
    """Splits `grpc://HOST:PORT` into the protocol (`grpc`, `http`, `ws`; empty if none is given), the host, the port, TLS,
    and the path.

    Raises:
        ValueError: The scheme or the port is invalid.
    """
    scheme, separator, rest = host.partition("://")
    if not separator:
        scheme, rest = "", host
    protocols = {
        "": ("", False),
        "grpc": ("grpc", False),
        "grpcs": ("grpc", True),
        "http": ("http", False),
        "https": ("http", True),
        "ws": ("ws", False),
        "wss": ("ws", True),
        "websocket": ("ws", False),
        "websockets": ("ws", True),
    }
    if "@" in rest.partition("/")[0]:
        # Not quoted, because it may contain a password.
        raise ValueError("the address of a client has no user name or password; use `token` or `headers`")
    if scheme.lower() not in protocols:
        raise ValueError(
            f"`{host}`: unknown scheme `{scheme}://`; use grpc://, grpcs://, http://, https://, ws:// or wss://"
        )
    protocol, tls = protocols[scheme.lower()]
    rest, slash, path = rest.partition("/")
    name, port = rest, ""
    if rest.startswith("["):
        name, _, port = rest[1:].partition("]")
        port = port[1:]
    elif rest.count(":") == 1:
        name, _, port = rest.partition(":")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"`{host}`: `{port}` is not a port; write HOST:PORT with a number from 1 to 65535")
    return protocol, name or "127.0.0.1", int(port or 0), tls, slash + path
