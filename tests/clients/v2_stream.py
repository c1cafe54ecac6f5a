"""A streaming endpoint returns every document that it yields."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from jina import Client
from v2_executor import Item

ADDRESS = sys.argv[1]


async def names(protocol):
    client = Client(host=f'{protocol}://{ADDRESS}', asyncio=True)
    replies = client.stream_doc(on='/stream', inputs=Item(name='x'), return_type=Item)
    return [reply.name async for reply in replies]


for protocol in ['grpc', 'http']:
    received = asyncio.run(names(protocol))
    assert received == ['x 0', 'x 1', 'x 2'], (protocol, received)
print('done')
