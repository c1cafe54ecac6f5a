"""Every kind of field of docarray's second schema is returned as sent, over every protocol."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from docarray import DocList
from jina import Client
from v2_executor import Item, Part

ADDRESS = sys.argv[1]

full = Item(
    name='n',
    count=3,
    ratio=0.1,
    data=b'\x01\x02',
    blob=b'hell',
    part=Part(text='in'),
    parts=DocList[Part]([Part(text='1'), Part(text='2')]),
    chunks=DocList[Part]([Part(text='3')]),
    url='http://x/y.png',
    link='http://x/z.png',
    picture=np.arange(6, dtype='float32').reshape(2, 3),
    words=['a', 'b'],
    tags={'count': 2.0},
    scores={'cosine': 0.1},
    location='Berlin',
    weight=0.1,
)

for protocol in ['grpc', 'http', 'ws']:
    client = Client(host=f'{protocol}://{ADDRESS}')
    received = client.post('/echo', DocList[Item]([full, Item()]), return_type=DocList[Item])
    for sent, received in zip([full, Item(id=received[1].id)], received):
        sent, received = sent.dict(), received.dict()
        pictures = sent.pop('picture'), received.pop('picture')
        assert np.array_equal(*pictures), (protocol, pictures)
        lost = {name: (value, received.get(name)) for name, value in sent.items() if received.get(name) != value}
        assert not lost, (protocol, lost)
print('done')
