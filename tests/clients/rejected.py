"""The gRPC library of Jina's clients, rejected while it sends: it receives the rejection, and earlier requests are answered."""

import sys
import threading

import grpc

METHOD = '/jina.JinaSingleDataRequestRPC/process_single_data'
RAW = {'request_serializer': bytes, 'response_deserializer': bytes}
# A request with 20 MiB in an unknown field.
LARGE = b'\xfa\x07' + b'\x80\x80\x80\x0a' + bytes(20 << 20)


def channel():
    return grpc.insecure_channel(sys.argv[1], options=[('grpc.max_send_message_length', -1)])


# Occupies the only slot with its headers; the body is sent later.
may_send_body = threading.Event()


def delayed_body():
    may_send_body.wait()
    yield b''


def occupy():
    return channel().stream_unary(METHOD, **RAW).future(delayed_body())


admitted = occupy()
call, rejected = channel().unary_unary(METHOD, **RAW), 0
while rejected < 20:
    if admitted.done():
        # A large request had taken the slot before.
        admitted = occupy()
    try:
        call(LARGE)
        # The first request has not arrived yet.
        assert rejected == 0
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error
        assert dict(error.trailing_metadata())['retry-after'] == '1', error
        rejected += 1
may_send_body.set()
assert admitted.result(timeout=60)
print('done')
