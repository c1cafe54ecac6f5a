"""A flow of Jina that uses a flowrun service as its external executor."""

import sys

from docarray import Document, DocumentArray
from jina import Flow

HOST, PORT = sys.argv[1].split(':')

flow = Flow(port=int(sys.argv[2]), host='127.0.0.1').add(name='remote', external=True, host=HOST, port=int(PORT))
with flow:
    docs = DocumentArray([Document(id=str(number), text=f'text {number}') for number in range(250)])
    reply = flow.post('/encode', docs, parameters={'k': 1}, results_in_order=True)
    assert reply[:, 'id'] == docs[:, 'id'], reply[:, 'id'][:5]
    assert reply.embeddings.shape == (250, 64), reply.embeddings.shape
    assert flow.is_flow_ready()
print('done')
