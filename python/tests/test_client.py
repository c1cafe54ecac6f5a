"""Clients exchange documents with a served flow over every protocol."""

import asyncio
import base64
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import textwrap
import threading
import unittest
import warnings
from unittest import mock

from flowrun import (
    AsyncClient,
    Client,
    DeadlineExceeded,
    Document,
    DocumentArray,
    Executor,
    Flow,
    MissingPackage,
    NamedScore,
    RequestError,
    ServiceUnavailable,
    requests,
    websocket,
)
from flowrun.protocol import address, split
from tests.service import DirectoryTest, needs_program

try:
    import grpc  # noqa: F401

    PROTOCOLS = ["ws", "http", "grpc"]
except ImportError:
    PROTOCOLS = ["ws", "http"]


class Work(Executor):
    @requests(on="/upper")
    def upper(self, docs, parameters, **kwargs):
        for doc in docs:
            doc.text = doc.text.upper() + parameters.get("suffix", "")

    @requests(on="/fail")
    def fail(self, docs, **kwargs):
        raise ValueError("not this one")

    @requests(on="/slow")
    async def slow(self, docs, **kwargs):
        await asyncio.sleep(30)

    @requests(on="/count")
    def count(self, docs, **kwargs):
        return {"count": len(docs)}


class AddressTest(unittest.TestCase):
    def test_addresses_name_protocol_host_and_port(self):
        self.assertEqual(address("grpc://a:1"), ("grpc", "a", 1, False, ""))
        self.assertEqual(address("wss://a/path"), ("ws", "a", 0, True, "/path"))
        self.assertEqual(address("https://[::1]:8"), ("http", "::1", 8, True, ""))
        self.assertEqual(address("example.org:80"), ("", "example.org", 80, False, ""))
        for wrong in ("ftp://a", "a:port", "ws://a:0", "ws://a:70000"):
            with self.assertRaises(ValueError):
                address(wrong)

    def test_the_protocol_defaults_to_websocket(self):
        self.assertEqual(repr(Client("a:1")), "Client('ws://a:1')")
        self.assertEqual(repr(Client(port=5, protocol="HTTP", tls=True)), "Client('https://127.0.0.1:5')")
        with self.assertRaisesRegex(ValueError, "unknown protocol 'smtp'"):
            Client(protocol="smtp")
        with self.assertRaises(TypeError):
            Client(prot="http")

    def test_a_token_that_cannot_be_sent_is_refused_without_being_quoted(self):
        for token in ("s3cret\n", "s3cret€", "s3cret\r\nX: y"):
            for protocol in ("ws", "http"):
                with self.assertRaisesRegex(ValueError, "`token` must be") as raised:
                    Client(f"{protocol}://a:1", token=token)
                self.assertNotIn("s3cret", str(raised.exception))
        with self.assertRaisesRegex(ValueError, "use `token`") as raised:
            Client("ws://user:s3cret@a:1")
        self.assertNotIn("s3cret", str(raised.exception))

    def test_numbers_that_cannot_be_meant_are_refused(self):
        for timeout in (-1, "3", float("nan"), float("inf")):
            with self.assertRaisesRegex(ValueError, "`timeout` must be a number of seconds"):
                Client("ws://127.0.0.1:1").post("/x", "a", timeout=timeout)
        for port in (-1, 70000):
            with self.assertRaisesRegex(ValueError, "`port` must be a number from 1 to 65535"):
                Client(port=port)

    def test_a_reply_over_grpc_is_due_only_while_the_client_waits_for_one(self):
        from flowrun.grpc_client import _Progress

        progress, times = _Progress(5.0), iter((0, 1, 2, 100, 101, 107))
        with mock.patch("time.monotonic", lambda: next(times)):
            self.assertEqual(progress.left(), 5.0)
            progress.read()
            progress.send()
            self.assertEqual(progress.left(), 4.0)
            progress.receive()
            # The consumer of the reply takes 98 seconds.
            self.assertEqual(progress.left(), 5.0)
            progress.read()
            progress.send()
            self.assertEqual(progress.left(), -1.0)
        self.assertIsNone(_Progress(None).left())

    def test_grpc_without_grpcio_names_the_extra(self):
        with mock.patch.dict("sys.modules", {"grpc": None}), self.assertRaisesRegex(MissingPackage, r"flowrun-runtime\[grpc\]"):
            Client("grpc://a:1")

    def test_inputs_are_split_into_requests(self):
        self.assertEqual(list(split(range(5), 2)), [[0, 1], [2, 3], [4]])
        # A request may have no documents.
        self.assertEqual(list(split([], 2)), [[]])


class OtherServiceTest(unittest.TestCase):
    """Services that are not flowrun, or are broken."""

    def serve(self, reply):
        """Accepts connections, and calls a function with each one and the head of its request. Returns the port."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def accept():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    head = b""
                    while b"\r\n\r\n" not in head:
                        head += connection.recv(65536)
                    reply(connection, head)

        threading.Thread(target=accept, daemon=True).start()
        self.addCleanup(listener.shutdown, socket.SHUT_RDWR)
        return listener.getsockname()[1]

    def post(self, address, **options):
        """Yields what a blocking and an asynchronous client do."""

        async def asynchronous():
            async with Client(address, asyncio=True) as client:
                async for docs in client.post("/x", "a", **options):
                    return docs

        def blocking():
            with Client(address) as client:
                return client.post("/x", "a", **options)

        yield blocking
        yield lambda: asyncio.run(asynchronous())

    def test_a_reply_over_websocket_that_is_no_message_is_an_error_of_the_request(self):
        for message in (b"\xff\xfe garbage", b"\x0a\x04\x0a\x02\xff\xff", b"\x08\x01\x20\x01"):

            def reply(connection, head, message=message):
                key = head.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
                accept = base64.b64encode(hashlib.sha1(key + websocket._GUID).digest())
                connection.sendall(b"HTTP/1.1 101 Switching\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")
                connection.recv(65536)
                connection.sendall(bytes([0x82, len(message)]) + message)

            for post in self.post(f"ws://127.0.0.1:{self.serve(reply)}"):
                with self.assertRaisesRegex(RequestError, "the reply of the service is invalid"):
                    post()

    def test_a_reply_over_http_that_is_cut_or_not_json_is_never_a_success(self):
        for body in (b'{"data": [', b"<html>", b"null", b"[]", b'{"data": 5}', b'{"header": "x"}', b'{"data": ["a"]}'):

            def reply(connection, head, body=body):
                # Without a length, so that the end of the connection is the end of the reply.
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + body)
                connection.shutdown(socket.SHUT_WR)
                connection.recv(65536)

            for post in self.post(f"http://127.0.0.1:{self.serve(reply)}"):
                with self.assertRaisesRegex(RequestError, "the reply of .* (is not JSON|is invalid)"):
                    post()

    def test_a_service_that_never_confirms_the_connection_exceeds_the_deadline(self):
        ended = threading.Event()
        self.addCleanup(ended.set)
        for protocol in PROTOCOLS:
            for post in self.post(f"{protocol}://127.0.0.1:{self.serve(lambda *_: ended.wait())}", timeout=0.0):
                with self.subTest(protocol), self.assertRaises(DeadlineExceeded):
                    post()

    def test_the_reason_of_a_refused_connection_is_reported(self):
        def reply(connection, head):
            connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")

        for post in self.post(f"ws://127.0.0.1:{self.serve(reply)}"):
            with self.assertRaisesRegex(ServiceUnavailable, "^the service refused the connection: 401 Unauthorized$"):
                post()

    def test_a_request_over_http_that_was_interrupted_does_not_disturb_the_next_one(self):
        def reply(connection, head):
            connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n{"data": [{"text": "ok"}]}')

        with Client(f"http://127.0.0.1:{self.serve(reply)}") as client:
            with mock.patch("http.client.HTTPConnection.getresponse", side_effect=KeyboardInterrupt):
                with self.assertRaises(KeyboardInterrupt):
                    client.post("/x", "a")
            self.assertEqual(client.post("/x", "a").texts, ["ok"])


@needs_program
class ClientTest(DirectoryTest):
    @classmethod
    def setUpClass(cls):
        cls.flow = Flow().add(uses=Work, name="work").start()

    @classmethod
    def tearDownClass(cls):
        cls.flow.close()

    def clients(self, **options):
        for protocol in PROTOCOLS:
            with self.subTest(protocol), Client(f"{protocol}://127.0.0.1:{self.flow.port}", **options) as client:
                yield client

    def test_documents_parameters_and_results_are_exchanged(self):
        for client in self.clients():
            docs = client.post("/upper", ["a", Document(text="b")], parameters={"suffix": "!"}, request_size=1)
            self.assertIsInstance(docs, DocumentArray)
            self.assertEqual(docs.texts, ["A!", "B!"])
            response = client.post("/count", ["a", "b"], return_responses=True)[0]
            self.assertEqual(response.results, {"work/rep-0": {"count": 2}})
            self.assertEqual(len(client.post("/count")), 0)
            self.assertTrue(client.is_flow_ready())

    def test_an_exception_of_the_inputs_is_raised_although_attempts_are_left(self):
        def inputs():
            yield "a"
            raise ServiceUnavailable("of another service")

        for client in self.clients(max_attempts=3, initial_backoff=0.0):
            with self.assertRaisesRegex(ServiceUnavailable, "of another service"):
                client.post("/upper", inputs(), request_size=1)

    def test_numpy_values_are_sent_over_every_protocol(self):
        numpy = self.numpy()
        for client in self.clients():
            parameters = {"f": numpy.float32(0.5), "v": numpy.arange(3), "b": numpy.bool_(True)}
            response = client.post("/x", Document(tags={"n": numpy.int64(3)}), parameters=parameters, return_responses=True)[0]
            received = {name: response.parameters[name] for name in parameters}
            self.assertEqual((received, response.docs[0].tags), ({"f": 0.5, "v": [0, 1, 2], "b": True}, {"n": 3}))

    def numpy(self):
        try:
            import numpy
        except ImportError:
            self.skipTest("numpy is not installed")
        return numpy

    def test_numbers_that_json_lacks_name_the_other_protocols(self):
        with Client(f"http://127.0.0.1:{self.flow.port}") as client, self.assertRaisesRegex(ValueError, "use `ws://`"):
            client.post("/x", Document(tags={"x": float("nan")}))

    def test_an_asynchronous_client_is_used_by_one_event_loop_after_another(self):
        async def post(client):
            return [docs.texts async for docs in client.post("/upper", "a")]

        for protocol in PROTOCOLS:
            with self.subTest(protocol):
                client = Client(f"{protocol}://127.0.0.1:{self.flow.port}", asyncio=True)
                with warnings.catch_warnings():
                    # Of the connection of the loop that has ended.
                    warnings.simplefilter("ignore", ResourceWarning)
                    self.assertEqual([asyncio.run(post(client)) for _ in range(2)], [[["A"]]] * 2)
                asyncio.run(client.close())

    def test_a_cancelled_request_over_http_keeps_its_connection(self):
        async def main():
            async with Client(f"http://127.0.0.1:{self.flow.port}", asyncio=True) as client:

                async def post(endpoint):
                    return [docs.texts async for docs in client.post(endpoint, "a", timeout=1)]

                await post("/upper")
                connection = client._idle[0]
                task = asyncio.ensure_future(post("/slow"))
                while client._idle:
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
                self.assertNotIn(connection, client._idle)
                self.assertEqual(await post("/upper"), [["A"]])

        asyncio.run(main())

    @unittest.skipUnless(hasattr(os, "fork"), "the system has no fork")
    def test_forked_processes_have_connections_of_their_own(self):
        # In an interpreter without gRPC, whose threads do not survive a fork.
        source = textwrap.dedent(
            """
            import os, sys
            from flowrun import Client

            with Client(sys.argv[1]) as client:
                client.post("/upper", "a")
                connection = client._idle[0]
                child = os.fork()
                if child == 0:
                    try:
                        os._exit(0 if not client._idle and client.post("/upper", "b").texts == ["B"] else 1)
                    finally:
                        os._exit(2)
                assert client.post("/upper", "c").texts == ["C"]
                assert os.waitpid(child, 0)[1] == 0
                assert client.post("/upper", "d").texts == ["D"]
                assert client._idle[0] is connection
            """
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        for protocol in ("ws", "http"):
            with self.subTest(protocol):
                address = f"{protocol}://127.0.0.1:{self.flow.port}"
                subprocess.run([sys.executable, "-c", source, address], env=environment, check=True)

    def test_every_field_returns_unchanged(self):
        sent = Document(id="x", text="t", uri="u", mime_type="text/plain", tags={"a": [1, {"b": None}], "c": True}, weight=0.5)
        sent.scores = {"s": NamedScore(0.25, "op")}
        sent.matches = [Document(id="m", blob=b"\x00\xff")]
        sent.chunks = [Document(id="c", text="chunk")]
        for client in self.clients():
            got = client.post("/other", sent)[0]
            for name in ("id", "text", "uri", "mime_type", "tags", "weight"):
                self.assertEqual(getattr(got, name), getattr(sent, name), name)
            self.assertEqual((got.scores["s"].value, got.scores["s"].op_name), (0.25, "op"))
            self.assertEqual((got.matches[0].id, got.matches[0].blob, got.chunks[0].text), ("m", b"\x00\xff", "chunk"))

    def test_failed_requests_raise_call_back_or_are_skipped(self):
        for client in self.clients():
            with self.assertRaisesRegex(RequestError, "not this one"):
                client.post("/fail", "a")
            errors = []
            client.post("/fail", "a", on_error=errors.append)
            self.assertEqual(errors[0].header.status.exception.name, "ValueError")
            with self.assertLogs("flowrun", "ERROR"):
                self.assertEqual(len(client.post("/fail", "a", continue_on_error=True)), 0)
            self.assertEqual(client.post("/upper", "a").texts, ["A"])

    def test_a_deadline_ends_a_request(self):
        for client in self.clients(timeout=0.3):
            with self.assertRaises((DeadlineExceeded, RequestError)):
                client.post("/slow", "a")
            self.assertEqual(client.post("/upper", "a").texts, ["A"])

    def test_the_asynchronous_client_reads_asynchronous_inputs(self):
        async def inputs():
            for number in range(10):
                yield Document(text=str(number))

        async def run(client):
            texts = []
            async for docs in client.post("/upper", inputs(), request_size=3):
                texts.extend(docs.texts)
            self.assertEqual(sorted(texts), list("0123456789"))
            with self.assertRaises(RequestError):
                async for _ in client.post("/fail", "a"):
                    pass
            done = []

            async def on_done(response):
                done.append(response.docs.texts)

            async for _ in client.post("/upper", "a", on_done=on_done):
                pass
            self.assertEqual(done, [["A"]])
            self.assertTrue(await client.is_flow_ready())

        async def main(protocol):
            async with Client(f"{protocol}://127.0.0.1:{self.flow.port}", asyncio=True) as client:
                self.assertIsInstance(client, AsyncClient)
                await run(client)

        for protocol in PROTOCOLS:
            with self.subTest(protocol):
                asyncio.run(main(protocol))

    def test_posts_of_one_asynchronous_client_run_at_the_same_time(self):
        async def one(client, name):
            return [text async for docs in client.post("/upper", [name] * 20, request_size=3) for text in docs.texts]

        async def main():
            async with Client(f"ws://127.0.0.1:{self.flow.port}", asyncio=True) as client:
                found = await asyncio.gather(*(one(client, name) for name in "abc"))
            self.assertEqual(found, [["A"] * 20, ["B"] * 20, ["C"] * 20])

        asyncio.run(main())

    def test_an_exception_of_the_inputs_reaches_the_caller_and_the_next_request_works(self):
        def inputs():
            yield Document(text="a")
            raise KeyError("no more")

        for client in self.clients():
            with self.assertRaises(KeyError):
                client.post("/upper", inputs(), request_size=1)
            self.assertEqual(client.post("/upper", "a").texts, ["A"])

    def test_large_messages_in_both_directions_do_not_block_each_other(self):
        docs = [Document(blob=os.urandom(1 << 20)) for _ in range(40)]
        for client in self.clients():
            got = client.post("/other", docs, request_size=1, prefetch=16)
            self.assertEqual([doc.blob for doc in got], [doc.blob for doc in docs])

    def test_an_endpoint_needs_its_slash(self):
        with self.assertRaisesRegex(ValueError, "must begin with a slash"):
            Client().post("search")


@needs_program
class SecuredTest(DirectoryTest):
    def test_a_token_is_sent_over_every_protocol(self):
        with Flow(token="secret").add(uses="Pass") as flow:
            self.assertEqual(flow.post("/x", "a").texts, ["a"])
            for protocol in PROTOCOLS:
                with self.subTest(protocol):
                    url = f"{protocol}://127.0.0.1:{flow.port}"
                    with Client(url, token="secret") as client:
                        self.assertEqual(client.post("/x", "a").texts, ["a"])
                    with self.assertRaises((ServiceUnavailable, RequestError)):
                        Client(url, token="wrong").post("/x", "a")

    @unittest.skipUnless(shutil.which("openssl"), "openssl is not installed")
    def test_a_certificate_is_verified_over_every_protocol(self):
        subprocess.run(
            "openssl req -x509 -newkey rsa:2048 -nodes -keyout a.key -out a.crt -days 3 -subj /CN=localhost -addext "
            "subjectAltName=DNS:localhost,IP:127.0.0.1 -addext basicConstraints=CA:FALSE".split(),
            check=True,
            stderr=subprocess.DEVNULL,
        )
        with Flow(ssl_certfile="a.crt", ssl_keyfile="a.key").add(uses="Pass") as flow:
            self.assertEqual(flow.post("/x", "a").texts, ["a"])
            blob = os.urandom(3 << 20)
            for protocol in ("wss", "https", "grpcs")[: len(PROTOCOLS)]:
                with self.subTest(protocol):
                    url = f"{protocol}://localhost:{flow.port}"
                    with Client(url, ca="a.crt") as client:
                        self.assertEqual(client.post("/x", [blob, blob], request_size=1).blobs, [blob, blob])
                    with self.assertRaises(ServiceUnavailable):
                        Client(url).post("/x", "a")


@needs_program
class ConnectionTest(DirectoryTest):
    def test_a_client_connects_again_after_the_flow_was_restarted(self):
        with Flow().add(uses="Pass") as flow:
            port = flow.port
            clients = [Client(f"{protocol}://127.0.0.1:{port}") for protocol in ("ws", "http")]
            for client in clients:
                client.post("/x", "a")
        with Flow(port=port).add(uses="Pass") as flow:
            for client in clients:
                self.assertEqual(client.post("/x", "b").texts, ["b"])
                client.close()

    def test_attempts_are_repeated_with_increasing_delays(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        for protocol in PROTOCOLS:
            with self.subTest(protocol), mock.patch("flowrun.client.time.sleep") as sleep:
                with self.assertRaises(ServiceUnavailable):
                    Client(f"{protocol}://127.0.0.1:{port}", max_attempts=3, initial_backoff=0.1, backoff_multiplier=3).post("/x")
                self.assertEqual([round(call.args[0], 3) for call in sleep.mock_calls], [0.1, 0.3])

    def test_requests_in_flight_are_sent_again_when_the_connection_is_lost(self):
        with Flow().add(uses="Pass") as flow, socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()

            def proxy():
                """Forwards the second connection; the first one is closed after the handshake and some requests."""
                for number in range(2):
                    client, _ = listener.accept()
                    server = socket.create_connection(("127.0.0.1", flow.port))
                    if number == 0:
                        server.sendall(client.recv(65536))
                        client.sendall(server.recv(65536))
                        client.recv(100)
                        client.close()
                        server.close()
                        continue
                    forward = threading.Thread(target=copy, args=(client, server))
                    forward.start()
                    copy(server, client)
                    forward.join()
                    client.close()
                    server.close()

            def copy(source, target):
                try:
                    while True:
                        data = source.recv(65536)
                        if not data:
                            break
                        target.sendall(data)
                    target.shutdown(socket.SHUT_WR)
                except OSError:
                    pass

            thread = threading.Thread(target=proxy)
            thread.start()
            texts = [str(number) for number in range(500)]
            with Client(f"ws://127.0.0.1:{listener.getsockname()[1]}", max_attempts=2, initial_backoff=0.0) as client:
                self.assertEqual(client.post("/x", iter(texts), request_size=5).texts, texts)
            thread.join()


if __name__ == "__main__":
    unittest.main()
