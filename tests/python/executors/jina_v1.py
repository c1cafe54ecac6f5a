"""Test executors derived from Jina's `Executor`, with docarray before 0.30."""

import asyncio
import dataclasses

import numpy as np
from jina import Document, DocumentArray, Executor, requests


class Encoder(Executor):
    def __init__(self, dim: int = 3, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.logger.info(f'created with {dim}')

    @requests(on=['/index', '/search'])
    def encode(self, docs: DocumentArray, parameters: dict, **kwargs):
        for doc in docs:
            doc.embedding = np.full(self.dim, len(doc.text) * parameters.get('factor', 1), dtype='float32')
            doc.tags['float'] = type(parameters.get('factor', 1.0)).__name__

    @requests(on='/split')
    def split(self, docs, **kwargs):
        for doc in docs:
            doc.chunks = [Document(text=word) for word in doc.text.split()]
            doc.scores['length'].value = len(doc.text)

    @requests(on='/half')
    def half(self, docs: DocumentArray, **kwargs) -> DocumentArray:
        return docs[: len(docs) // 2]

    @requests(on='/new')
    def new(self, **kwargs):
        return DocumentArray([Document(id='new', text='new')])

    @requests(on='/info')
    def info(self, docs, docs_matrix, docs_map, tracing_context, **kwargs):
        return {
            'name': self.metas.name,
            'workspace': self.workspace,
            'runtime': {
                key: getattr(self.runtime_args, key) for key in ('name', 'shard_id', 'shards', 'replicas', 'workspace')
            },
            'matrix': [len(part) for part in docs_matrix],
        }

    @requests(on='/metas')
    def return_metas(self, **kwargs):
        return vars(self.metas)

    @requests(on='/origins')
    def origins(self, docs, docs_matrix, docs_map, **kwargs):
        docs_matrix[0][0].text += '!'
        return {
            'docs': [doc.text for doc in docs],
            'matrix': [[doc.text for doc in part] for part in docs_matrix],
            'map': {name: [doc.text for doc in part] for name, part in docs_map.items()},
        }

    @requests(on='/raise')
    def bad(self, docs, **kwargs):
        raise ValueError('boom', 42)

    @requests(on='/wrong')
    def wrong(self, docs, **kwargs):
        return 'text'

    def unbound(self, docs, **kwargs):
        for doc in docs:
            doc.text = 'unbound'

    def close(self):
        with open(f'{self.workspace}/closed', 'w') as file:
            file.write('closed')


@dataclasses.dataclass
class Fields(Executor):
    """Its constructor accepts the fields only."""

    word: str
    times: int = 1

    @requests
    def say(self, docs, **kwargs):
        for doc in docs:
            doc.text = ' '.join([self.word] * self.times)
        return {'name': self.metas.name, 'shard': self.runtime_args.shard_id}


class Evaluator(Executor):
    @requests
    def evaluate(self, docs, **kwargs):
        for doc in docs:
            doc.evaluations['recall'].value = 10.0
            doc._metadata = {'title': {'position': 0}}


class EvaluationReader(Executor):
    @requests
    def read(self, docs, **kwargs):
        for doc in docs:
            doc.tags['recall'] = doc.evaluations['recall'].value
            doc.tags['titles'] = list(doc._metadata)


class Everything(Executor):
    @requests
    def foo(self, docs, **kwargs):
        for doc in docs:
            doc.text += '!'


class AsyncMethods(Executor):
    present = 0

    @requests(on='/meet')
    async def meet(self, docs, parameters, **kwargs):
        AsyncMethods.present += 1
        while AsyncMethods.present < parameters['all']:
            await asyncio.sleep(0.001)

    @requests(on='/plain')
    def plain(self, docs, **kwargs):
        return {'documents': len(docs)}


class Streaming(Executor):
    """Methods that yield documents one by one."""

    @requests(on='/async')
    async def asynchronous(self, doc: Document, parameters: dict, **kwargs):
        for number in range(int(parameters['times'])):
            yield Document(text=f'{doc.text} {number}')

    @requests(on='/async-plain')
    async def without_parameters(self, doc: Document, **kwargs):
        for number in range(2):
            yield Document(text=f'{doc.text} {number}')

    @requests(on='/sync')
    def synchronous(self, doc: Document, parameters: dict, **kwargs):
        for number in range(int(parameters['times'])):
            yield Document(text=f'{doc.text} {number}')


class SyncStreaming(Executor):
    """A generator in a class without asynchronous methods."""

    @requests(on='/sync')
    def synchronous(self, doc: Document, **kwargs):
        for number in range(2):
            yield Document(text=f'{doc.text} {number}')
