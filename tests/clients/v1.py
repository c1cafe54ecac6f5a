"""Jina's clients with documents of docarray's first schema, against a flow that encodes, indexes and searches texts."""

import asyncio
import sys

import numpy
from clip_client import Client as ClipClient
from docarray import Document, DocumentArray, dataclass
from docarray.typing import Text
from jina import Client
from jina.excepts import BadServer

ADDRESS = sys.argv[1]
TLS = sys.argv[2:] == ['tls']
SCHEMES = {'grpc': 'grpcs', 'http': 'https', 'ws': 'wss'} if TLS else {}
TEXTS = {'t1': 'a grinning face', 't2': 'rain over the sea', 't3': 'a very big smile'}


def texts():
    return DocumentArray([Document(id=id, text=text) for id, text in TEXTS.items()])


def client(protocol, **options):
    return Client(host=f'{SCHEMES.get(protocol, protocol)}://{ADDRESS}', **options)


def clip():
    c = ClipClient(f'{SCHEMES.get("grpc", "grpc")}://{ADDRESS}')
    vectors = c.encode(['she smiled, with pain', 'rain'])
    assert vectors.shape == (2, 64), vectors.shape
    encoded = c.encode(texts())
    assert encoded[:, 'id'] == list(TEXTS) and encoded.embeddings.shape == (3, 64)
    assert c.index(texts())[:, 'id'] == list(TEXTS)
    found = c.search(['smile'], limit=2)
    assert found[0].matches[:, 'text'][0] == TEXTS['t3'], found[0].matches[:, 'text']
    assert len(found[0].matches) == 2
    distances = [match.scores['cosine'].value for match in found[0].matches]
    assert distances == sorted(distances), distances
    ranked = c.rank([Document(id='q', text='q', matches=[Document(id='m', text='m')])])
    assert ranked[0].matches[:, 'id'] == ['m']
    # `profile()` sends a document without content, which an encoder of texts skips.
    assert c.profile('smile')


def sync(protocol):
    c = client(protocol)
    assert c.is_flow_ready(), protocol
    reply = c.post('/encode', texts(), parameters={'list': [1, 'two', None], 'enc__only': 1})
    assert reply[:, 'id'] == list(TEXTS) and reply.embeddings.shape == (3, 64)
    found = c.post('/search', DocumentArray([Document(text='smile')]), parameters={'limit': 1})
    assert found[0].matches[:, 'text'] == [TEXTS['t3']]
    parameters = []
    c.post('/encode', texts(), parameters={'k': 1.5}, on_done=lambda reply: parameters.append(reply.parameters))
    assert parameters == [{'k': 1.5}], parameters


@dataclass
class Page:
    title: Text


def kept_fields(protocol):
    """Fields that only clients use are returned after an encoder and a merge of two shards."""
    page = Document(Page(title='a smile'), text='smile')
    page.evaluations['recall'].value = 10.0
    returned = client(protocol).post('/search', page, parameters={'limit': 1})[0]
    assert returned.is_multimodal and returned.title.text == 'a smile', (protocol, returned)
    assert returned.evaluations['recall'].value == 10.0, (protocol, returned)
    assert returned.matches[:, 'text'] == [TEXTS['t3']], (protocol, returned.matches[:, 'text'])


def many(protocol, count):
    documents = (Document(id=str(number), text='word') for number in range(count))
    replies = client(protocol).post('/encode', documents, request_size=100, return_results=True)
    assert sorted(map(int, replies[:, 'id'])) == list(range(count))


def in_order():
    # Over gRPC the gateway keeps the order. Over HTTP and WebSocket the client does, and waits forever if the last reply
    # arrives before the end of its own input.
    documents = (Document(id=str(number), text='w') for number in range(500))
    replies = client('grpc').post('/encode', documents, request_size=10, results_in_order=True)
    assert replies[:, 'id'] == [str(number) for number in range(500)]


def target(protocol):
    c = client(protocol)
    assert c.post('/encode', texts(), target_executor='unknown').embeddings is None
    assert c.post('/encode', texts(), target_executor='en').embeddings.shape == (3, 64)


def errors(protocol):
    failed = []
    client(protocol).post('/encode', Document(id='a', uri='b'), on_error=failed.append)
    assert len(failed) == 1 and failed[0].header.status.exception.executor == 'TextHashingEncoder', failed
    try:
        client(protocol).post('/encode', Document(id='a', uri='b'))
    except BadServer as error:
        assert 'enc' in str(error), error
    else:
        raise AssertionError(f'{protocol}: the error was not reported')


async def asynchronous(protocol):
    c = client(protocol, asyncio=True)
    assert await c.is_flow_ready()
    ids = [document.id async for reply in c.post('/encode', texts(), request_size=1) for document in reply]
    assert sorted(ids) == sorted(TEXTS), ids


clip()
for protocol in ['grpc', 'http', 'ws']:
    sync(protocol)
    kept_fields(protocol)
    target(protocol)
    errors(protocol)
    many(protocol, 10_000 if protocol == 'grpc' and not TLS else 500)
    asyncio.run(asynchronous(protocol))
in_order()
for compression in ['Gzip', 'Deflate']:
    reply = client('grpc').post('/encode', texts(), compression=compression)
    assert reply.embeddings.shape == (3, 64)
unary = client('grpc').post('/encode', texts(), stream=False)
assert unary.embeddings.dtype == numpy.float32
print('done')
