"""The gRPC of Jina's clients, refused while it sends: it hears of it, and what was let in before is answered."""

import sys
import threading

import grpc

METHOD = '/jina.JinaSingleDataRequestRPC/process_single_data'
AS_IT_IS = {'request_serializer': bytes, 'response_deserializer': bytes}
# A request with 20 MiB in a field that nobody knows.
LARGE = b'\xfa\x07' + b'\x80\x80\x80\x0a' + bytes(20 << 20)


def channel():
    return grpc.insecure_channel(sys.argv[1], options=[('grpc.max_send_message_length', -1)])


# Takes the only place there is, by its head: its body comes later.
may_go_on = threading.Event()


def late():
    may_go_on.wait()
    yield b''


inside = channel().stream_unary(METHOD, **AS_IT_IS).future(late())
ask, refused = channel().unary_unary(METHOD, **AS_IT_IS), 0
while refused < 20:
    try:
        ask(LARGE)
        # The other has not arrived yet.
        assert refused == 0
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error
        assert dict(error.trailing_metadata())['retry-after'] == '1', error
        refused += 1
may_go_on.set()
assert inside.result(timeout=60)
print('done')
