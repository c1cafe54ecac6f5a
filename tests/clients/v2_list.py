"""Requests without documents that return some, from clients of docarray's second schema."""

import sys

from docarray import BaseDoc, DocList
from jina import Client

ADDRESS = sys.argv[1]


class Text(BaseDoc):
    text: str = ''


for protocol in ['grpc', 'http', 'ws']:
    client = Client(host=f'{protocol}://{ADDRESS}')
    client.post('/index', DocList[Text]([Text(id='a', text='hello'), Text(id='b', text='world')]))
    for endpoint in ['/list', '/filter']:
        listed = client.post(endpoint, return_type=DocList[Text])
        assert [(doc.id, doc.text) for doc in listed] == [('a', 'hello'), ('b', 'world')], (protocol, endpoint, listed)
print('done')
