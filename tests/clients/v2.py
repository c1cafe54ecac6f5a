"""Jina's clients with documents of docarray's second schema, against a flow that encodes, indexes and searches texts."""

import asyncio
import sys
from typing import Any, Dict, List, Optional

from docarray import BaseDoc, DocList
from docarray.typing import ImageUrl, NdArray
from jina import Client
from jina.excepts import BadServer

ADDRESS = sys.argv[1]
TEXTS = {'u1': 'a grinning face', 'u2': 'rain over the sea', 'u3': 'a very big smile'}


class Sub(BaseDoc):
    a: int = 0
    b: Optional[str] = None


class Text(BaseDoc):
    text: str = ''
    price: float = 1.0
    count: int = 7
    flag: bool = True
    link: Optional[ImageUrl] = None
    names: List[str] = ['p', 'q']
    tags: Dict[str, Any] = {'a': 1, 'b': {'c': [1, 2.5, 'x', None, True]}}
    sub: Optional[Sub] = None
    subs: Optional[DocList[Sub]] = None
    embedding: Optional[NdArray] = None


class Found(Text):
    matches: Optional[DocList[Text]] = None


def texts(cls=Text):
    return DocList[cls]([cls(id=id, text=text) for id, text in TEXTS.items()])


def client(protocol, **options):
    return Client(host=f'{protocol}://{ADDRESS}', **options)


def same(sent, received):
    fields = ['id', 'text', 'price', 'count', 'flag', 'link', 'names', 'tags']
    for field in fields:
        assert getattr(sent, field) == getattr(received, field), (field, getattr(sent, field), getattr(received, field))


def sync(protocol):
    c = client(protocol)
    assert c.is_flow_ready(), protocol
    reply = c.post('/encode', texts(), return_type=DocList[Text])
    for sent, received in zip(texts(), reply):
        same(sent, received)
        assert received.embedding.shape == (64,)
    rich = Text(id='r', sub=Sub(id='s', a=3, b='z'), subs=DocList[Sub]([Sub(id='t', a=4)]), text='x')
    if protocol != 'http':
        rich.link = 'https://a.example/b.png'
        received = c.post('/encode', DocList[Text]([rich]), return_type=DocList[Text])[0]
        same(rich, received)
        assert received.sub == rich.sub and received.subs[0] == rich.subs[0]
    c.post('/index', texts(), return_type=DocList[Text])
    query = DocList[Found]([Found(text='smile')])
    found = c.post('/search', query, parameters={'limit': 1}, return_type=DocList[Found])
    assert [match.text for match in found[0].matches] == [TEXTS['u3']], found[0].matches
    assert found[0].matches[0].price == 1.0 and found[0].matches[0].tags['b']['c'][1] == 2.5


def many(protocol, count):
    documents = DocList[Text]([Text(id=str(number), text='word') for number in range(count)])
    replies = client(protocol).post('/encode', documents, request_size=100, return_type=DocList[Text])
    assert sorted(int(document.id) for document in replies) == list(range(count))


def errors(protocol):
    try:
        client(protocol).post('/fail', DocList[Sub]([Sub(id='a')]), return_type=DocList[Sub])
    except Exception as error:
        assert 'no text' in str(error), error
    else:
        raise AssertionError(f'{protocol}: the error was not reported')


async def asynchronous(protocol):
    c = client(protocol, asyncio=True)
    ids = []
    async for reply in c.post('/encode', texts(), request_size=1, return_type=DocList[Text]):
        ids.extend(document.id for document in reply)
    assert sorted(ids) == sorted(TEXTS), ids


async def stream():
    c = client('grpc', asyncio=True)
    replies = [reply async for reply in c.stream_doc('/encode', inputs=Text(id='s', text='x'), return_type=Text)]
    assert [reply.id for reply in replies] == ['s'] and replies[0].embedding.shape == (64,)


for protocol in ['grpc', 'http', 'ws']:
    sync(protocol)
    errors(protocol)
    many(protocol, 10_000 if protocol == 'grpc' else 500)
    asyncio.run(asynchronous(protocol))
asyncio.run(stream())
for compression in ['Gzip', 'Deflate']:
    reply = client('grpc').post('/encode', texts(), return_type=DocList[Text], compression=compression)
    assert reply[0].embedding.shape == (64,)
print('done')
