"""Requests of clients over HTTP, as JSON, with the standard library."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from typing import Any, Callable, Dict, Optional

from .document import DocumentArray
from .errors import DeadlineExceeded, RequestError, ServiceUnavailable
from .protocol import Request, Response


def _encode(request: Request) -> bytes:
    """Encodes a request as JSON.

    Raises:
        TypeError: A parameter or a tag has another type than those of JSON, numpy, or a set.
        ValueError: A number is infinite or not a number.
    """
    try:
        return json.dumps(request.to_dict(), default=_plain, allow_nan=False).encode()
    except ValueError as error:
        raise ValueError(
            f"the request cannot be sent over HTTP: {error}; JSON has neither nan nor infinity: use `ws://` or `grpc://`"
        ) from error


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        # An array or a scalar of numpy.
        return value.tolist()
    if isinstance(value, (set, frozenset)):
        return list(value)
    raise TypeError(f"{value!r:.100} cannot be a parameter or a tag: use None, bool, int, float, str, list or dict")


def _has_status(reply: Any) -> bool:
    header = reply.get("header") if isinstance(reply, dict) else None
    return isinstance(header, dict) and bool(header.get("status"))


class HttpConnection:
    """A connection that is kept open; requests are sent one after the other."""

    def __init__(self, host: str, port: int, tls: Optional[ssl.SSLContext], path: str, headers: Dict[str, str]) -> None:
        self._host, self._port, self._tls = host, port, tls
        self._path, self._headers = path.rstrip("/"), {"content-type": "application/json", **headers}
        self._connection: Optional[http.client.HTTPConnection] = None

    def exchange(
        self, request: Request, timeout: Optional[float], convert: Optional[Callable[[DocumentArray], Any]] = None
    ) -> Response:
        """Sends a request and returns its reply.

        Raises:
            ServiceUnavailable: The service is unreachable, or rejects requests (429, 503).
            DeadlineExceeded: No reply arrived in time.
            RequestError: The service refused the request.
        """
        headers = dict(self._headers)
        if timeout is not None:
            headers["x-request-timeout"] = f"{timeout:g}"
        status, body = self._send("POST", f"{self._path}/post", _encode(request), headers, timeout)
        try:
            reply = json.loads(body)
        except (ValueError, RecursionError) as error:
            if status == 200:
                raise RequestError(
                    f"the reply of {self._host}:{self._port} is not JSON: {body[:100].decode('utf-8', 'replace')!r}"
                ) from error
            reply = {"detail": body.decode("utf-8", "replace")[:500]}
        if status == 200 or _has_status(reply):
            response = Response.from_dict(reply, convert)
            if status == 504:
                raise DeadlineExceeded(response.header.status.description)
            if status in (429, 503):
                raise ServiceUnavailable(response.header.status.description)
            return response
        detail = reply.get("detail") if isinstance(reply, dict) else reply
        message = f"{status}: {detail if isinstance(detail, str) else json.dumps(detail)}"
        if status == 504:
            raise DeadlineExceeded(message)
        if status in (429, 503):
            raise ServiceUnavailable(message)
        raise RequestError(message)

    def get(self, path: str, timeout: Optional[float] = None) -> int:
        """Returns the status code of a `GET` request."""
        status: int = self._send("GET", self._path + path, None, dict(self._headers), timeout)[0]
        return status

    def _send(self, method: str, path: str, body: Optional[bytes], headers: Dict[str, str], timeout: Optional[float]) -> Any:
        for attempt in (1, 2):
            kept = self._connection is not None
            try:
                if self._connection is None:
                    self._connection = self._open(timeout)
                if self._connection.sock is None:
                    self._connection.connect()
                # Longer than the limit at the gateway, whose error names the executor.
                self._connection.sock.settimeout(None if timeout is None else timeout + 1)
                self._connection.request(method, path, body, headers)
                reply = self._connection.getresponse()
                return reply.status, reply.read()
            except socket.timeout as error:
                self.close()
                raise DeadlineExceeded("the service did not reply in time") from error
            except (OSError, http.client.HTTPException) as error:
                self.close()
                # The service may have closed a connection that was not used for a time.
                if kept and attempt == 1 and isinstance(error, (http.client.RemoteDisconnected, ConnectionError)):
                    continue
                raise ServiceUnavailable(f"{self._host}:{self._port} is unreachable: {error}") from error
            except BaseException:
                # Interrupted from the keyboard: the next request must not read this one's reply.
                self.close()
                raise
        raise AssertionError("unreachable")

    def _open(self, timeout: Optional[float]) -> http.client.HTTPConnection:
        limit = 60 if timeout is None else timeout + 1
        if self._tls is not None:
            return http.client.HTTPSConnection(self._host, self._port, timeout=limit, context=self._tls)
        return http.client.HTTPConnection(self._host, self._port, timeout=limit)

    def close(self) -> None:
        """Closes the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # It sends nothing, so that the connection of the parent stays open.
    abandon = close
