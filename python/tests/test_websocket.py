"""Frames of WebSocket are encoded and decoded as RFC 6455 specifies."""

import random
import struct
import unittest

from flowrun import ServiceUnavailable, websocket
from flowrun.websocket import BINARY, CLOSE, PING, PONG, Closed, Frames, frame, mask


def server_frame(kind, data, last=True):
    """Encodes a frame of a service, which is not masked."""
    length = len(data)
    head = bytes([(0x80 if last else 0) | kind])
    if length < 126:
        return head + bytes([length]) + data
    if length < 1 << 16:
        return head + struct.pack("!BH", 126, length) + data
    return head + struct.pack("!BQ", 127, length) + data


def unmasked(data):
    """Returns the kind and the payload of a frame of a client."""
    length, start = data[1] & 0x7F, 2
    if length == 126:
        (length,), start = struct.unpack("!H", data[2:4]), 4
    elif length == 127:
        (length,), start = struct.unpack("!Q", data[2:10]), 10
    key, payload = data[start : start + 4], data[start + 4 :]
    assert data[1] & 0x80 and len(payload) == length
    return data[0] & 0x0F, bytes(byte ^ key[position % 4] for position, byte in enumerate(payload))


class FramesTest(unittest.TestCase):
    def test_frames_of_a_client_are_masked(self):
        for size in (0, 1, 2, 3, 4, 5, 125, 126, 127, 65535, 65536):
            data = random.Random(size).getrandbits(8 * size).to_bytes(size, "little") if size else b""
            self.assertEqual(unmasked(frame(BINARY, data)), (BINARY, data))

    def test_masking_equals_its_definition_without_numpy(self):
        data, key = bytes(range(11)), b"\x01\x80\xff\x00"
        expected = bytes(byte ^ key[position % 4] for position, byte in enumerate(data))
        self.assertEqual(mask(data, key), expected)
        kept, websocket.numpy = websocket.numpy, None
        try:
            self.assertEqual(mask(data, key), expected)
        finally:
            websocket.numpy = kept

    def test_messages_are_complete_wherever_the_bytes_are_cut(self):
        sent = [b"a", b"b" * 126, b"c" * 70000, b""]
        stream = b"".join(server_frame(BINARY, message) for message in sent)
        for step in (1, 7, 1000, len(stream)):
            frames, received = Frames(), []
            for start in range(0, len(stream), step):
                frames.feed(stream[start : start + step])
                message = frames.next_message()
                while message is not None:
                    received.append(message)
                    message = frames.next_message()
            self.assertEqual(received, sent)

    def test_fragments_are_joined_around_a_ping_which_is_answered(self):
        frames = Frames()
        frames.feed(server_frame(BINARY, b"ab", last=False) + server_frame(PING, b"?") + server_frame(0, b"cd"))
        self.assertEqual(frames.next_message(), b"abcd")
        self.assertEqual(unmasked(bytes(frames.replies)), (PONG, b"?"))

    def test_a_close_frame_is_raised_after_the_messages_before_it(self):
        frames = Frames()
        frames.feed(server_frame(BINARY, b"last") + server_frame(CLOSE, struct.pack("!H", 1013) + b"overloaded"))
        self.assertEqual(frames.next_message(), b"last")
        with self.assertRaises(Closed) as raised:
            frames.next_message()
        self.assertEqual((raised.exception.code, raised.exception.reason), (1013, "overloaded"))
        self.assertEqual(unmasked(bytes(frames.replies)), (CLOSE, struct.pack("!H", 1013)))

    def test_invalid_frames_end_the_connection(self):
        masked = bytes([0x82, 0x81, 1, 2, 3, 4, 5])
        reserved = bytes([0xC2, 0x01, 5])
        huge = bytes([0x82, 127]) + struct.pack("!Q", 1 << 40)
        unknown = server_frame(5, b"x")
        unexpected = server_frame(0, b"x")
        interrupted = server_frame(BINARY, b"x", last=False) + server_frame(BINARY, b"x")
        fragmented = server_frame(PING, b"x", last=False)
        for data in (masked, reserved, huge, unknown, unexpected, interrupted, fragmented):
            with self.assertRaises(ServiceUnavailable):
                Frames().feed(data)


if __name__ == "__main__":
    unittest.main()
