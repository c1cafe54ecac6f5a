"""Jina's gateway with a flowrun service as external executor, with documents of docarray's second schema."""

import sys
from typing import Optional

from docarray import BaseDoc, DocList
from docarray.typing import NdArray
from jina import Client, Flow

HOST, PORT = sys.argv[1].rsplit(':', 1)
TEXTS = {'u1': 'a grinning face', 'u2': 'rain over the sea', 'u3': 'a very big smile'}


class Text(BaseDoc):
    text: str = ''
    embedding: Optional[NdArray] = None


class Found(Text):
    matches: Optional[DocList[Text]] = None


def post(flow, endpoint, documents, cls=Text, **options):
    client = Client(port=flow.port, protocol=str(flow.protocol).lower())
    return client.post(endpoint, documents, return_type=DocList[cls], **options)


for protocol in ['grpc', 'http', 'websocket']:
    flow = Flow(protocol=protocol, timeout_ready=60000).add(name='flowrun', host=HOST, port=int(PORT), external=True)
    with flow:
        # The gateway starts only once the executor has reported its endpoints and their document schemas.
        sent = DocList[Text]([Text(id=id, text=text) for id, text in TEXTS.items()])
        reply = post(flow, '/index', sent)
        assert [doc.id for doc in reply] == list(TEXTS), (protocol, reply)
        found = post(flow, '/search', DocList[Found]([Found(text='smile')]), Found, parameters={'limit': 1})
        assert [match.text for match in found[0].matches] == [TEXTS['u3']], (protocol, found[0].matches)
        if protocol == 'websocket':
            # Jina's client loses the error if Jina's gateway closes the connection first.
            continue
        try:
            post(flow, '/search', DocList[BaseDoc]([BaseDoc(id='a')]), BaseDoc)
        except Exception as error:
            assert 'no text' in str(error), error
        else:
            raise AssertionError(f'{protocol}: the error was not reported')

print('done')
