"""Arrays in nested documents and under names of any kind are returned as sent, over every protocol.

The reply to a request has less than 4 MiB, the limit of the client over WebSocket.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from docarray import DocList
from docarray.documents import ImageDoc
from jina import Client
from v2_executor import Arrays

ADDRESS = sys.argv[1]

random = np.random.default_rng(7)
zeros = np.zeros((3, 224, 224))
zero = Arrays(
    image=ImageDoc(tensor=zeros.astype('float32')),
    images=DocList[ImageDoc]([ImageDoc(tensor=zeros.astype('uint8'))]),
    features=np.zeros(300_000, dtype='int32'),
    größe=np.zeros((1_000, 100), dtype='float32'),
    numbers=[0.0] * 100_000,
    mask=np.ones((224, 224), dtype=bool),
)
others = Arrays(
    image=ImageDoc(tensor=random.random((3, 224, 224))),
    images=DocList[ImageDoc]([ImageDoc(tensor=random.integers(0, 256, (3, 224, 224), dtype='uint8'))]),
    features=random.integers(-100, 2**31, 100_000),
    größe=-np.ones((100, 1_000), dtype='int32'),
    numbers=random.random(100_000).tolist(),
    mask=random.random((224, 224)) < 0.5,
)


def same(sent, received):
    for name in ['features', 'größe', 'numbers', 'mask']:
        assert np.array_equal(getattr(sent, name), getattr(received, name)), name
    for sent, received in [(sent.image, received.image), *zip(sent.images, received.images, strict=True)]:
        assert sent.id == received.id
        assert np.array_equal(sent.tensor, received.tensor)


for protocol in ['grpc', 'http', 'ws']:
    client = Client(host=f'{protocol}://{ADDRESS}')
    # A flow without an endpoint returns documents as they were sent.
    for endpoint, sent in [('/arrays', zero), ('/arrays', others), ('/unknown', zero)]:
        (received,) = client.post(endpoint, DocList[Arrays]([sent]), return_type=DocList[Arrays])
        same(sent, received)
print('done')
