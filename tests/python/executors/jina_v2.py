"""Test executors derived from Jina's `Executor`, with docarray 0.30 or later."""

from typing import Dict, List, Optional

import numpy as np
from docarray import BaseDoc, DocList
from docarray.typing import NdArray
from jina import Executor, requests
from pydantic import BaseModel


class Piece(BaseDoc):
    word: str = ''


class Text(BaseDoc):
    text: str = ''
    tags: Dict = {}
    blob: Optional[bytes] = None


class Vector(BaseDoc):
    text: str = ''
    embedding: Optional[NdArray] = None
    pieces: DocList[Piece] = DocList[Piece]()
    sizes: List[int] = []


class Priced(BaseDoc):
    text: str = ''
    price: float = 0.0
    words: List[str] = []
    unset: Optional[str] = None


class Settings(BaseModel):
    factor: float = 1.0


class Encoder(Executor):
    def __init__(self, dim: int = 3, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim

    @requests(on='/index')
    def encode(self, docs: DocList[Text], parameters: Settings, **kwargs) -> DocList[Vector]:
        return DocList[Vector](
            Vector(
                id=doc.id,
                text=doc.text,
                embedding=np.full(self.dim, len(doc.text) * parameters.factor, dtype='float32'),
                pieces=DocList[Piece](Piece(word=word) for word in doc.text.split()),
                sizes=[len(word) for word in doc.text.split()],
            )
            for doc in docs
        )

    @requests(on='/origins')
    def origins(self, docs: DocList[Text], docs_matrix, docs_map, **kwargs):
        docs_matrix[0][0].text += '!'
        return {
            'docs': [doc.text for doc in docs],
            'matrix': [[doc.text for doc in part] for part in docs_matrix],
            'map': {name: [doc.text for doc in part] for name, part in docs_map.items()},
        }

    @requests(on='/same')
    def same(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        for doc in docs:
            doc.text = doc.text.upper()
            doc.tags['seen'] = True

    @requests(on='/price')
    def price(self, docs: DocList[Priced], **kwargs) -> DocList[Priced]:
        for doc in docs:
            doc.price *= 2
            doc.words = doc.text.split()

    @requests(on='/one')
    def one(self, doc: Text, **kwargs) -> Text:
        return Text(id=doc.id, text=doc.text * 2)

    @requests(on='/info')
    def info(self, docs: DocList[Text], **kwargs):
        return {'workspace': self.workspace, 'shard': self.runtime_args.shard_id}

    @requests(on='/raise')
    def bad(self, docs: DocList[Text], **kwargs):
        raise ValueError('boom', 42)


class Untyped(Executor):
    @requests
    def foo(self, docs, **kwargs):
        for doc in docs:
            doc.text = doc.text + '!'


class Streaming(Executor):
    """Methods that yield documents one by one."""

    @requests(on='/async')
    async def asynchronous(self, doc: Text, parameters: Dict, **kwargs) -> Text:
        for number in range(int(parameters['times'])):
            yield Text(text=f'{doc.text} {number}')

    @requests(on='/async-plain')
    async def without_parameters(self, doc: Text, **kwargs) -> Text:
        for number in range(2):
            yield Text(text=f'{doc.text} {number}')

    @requests(on='/sync')
    def synchronous(self, doc: Text, parameters: Dict, **kwargs) -> Text:
        for number in range(int(parameters['times'])):
            yield Text(text=f'{doc.text} {number}')


class SyncStreaming(Executor):
    """A generator in a class without asynchronous methods."""

    @requests(on='/sync')
    def synchronous(self, doc: Text, **kwargs) -> Text:
        for number in range(2):
            yield Text(text=f'{doc.text} {number}')
