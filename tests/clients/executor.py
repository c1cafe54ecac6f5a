"""Serves a Jina executor for flowrun to call, with or without a gateway, until its standard input ends."""

import sys

from jina import Deployment, Executor, requests

try:
    from docarray import BaseDoc, DocList

    class Text(BaseDoc):
        text: str = ''

    SIGNATURE = {'docs': DocList[Text], 'return': DocList[Text]}
except ImportError:  # docarray before 0.30
    from docarray import DocumentArray

    SIGNATURE = {'docs': DocumentArray, 'return': DocumentArray}


def shout(self, docs, parameters, **_):
    for doc in docs:
        doc.text = doc.text.upper() + '!' * int(parameters.get('marks', 1))
    return docs


def fail(self, docs, **_):
    raise ValueError('told to', len(docs))


def count(self, docs, **_):
    return {'count': len(docs)}


for method in (shout, fail, count):
    method.__annotations__ = SIGNATURE


class Shouter(Executor):
    shout = requests(on='/shout')(shout)
    fail = requests(on='/fail')(fail)
    count = requests(on='/count')(count)


GATEWAY = sys.argv[2] == 'gateway'

with Deployment(name='shouter', uses=Shouter, port=int(sys.argv[1]), include_gateway=GATEWAY):
    print('serving', flush=True)
    sys.stdin.read()
