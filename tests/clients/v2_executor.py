"""An executor of Jina 3 with documents of docarray's second schema, which flowrun runs and Jina's client calls.

Some fields have names of the first schema (`blob`, `chunks`, `tags`, `location`, …), and types that it does not have.
"""

from typing import Dict, List, Optional

import numpy as np
from docarray import BaseDoc, DocList
from docarray.documents import ImageDoc
from docarray.typing import AnyUrl, NdArray
from jina import Executor, requests


class Part(BaseDoc):
    text: str = ''


class Item(BaseDoc):
    name: str = ''
    count: int = 0
    ratio: float = 0.0
    data: Optional[bytes] = None
    blob: Optional[bytes] = None
    part: Optional[Part] = None
    parts: Optional[DocList[Part]] = None
    chunks: Optional[DocList[Part]] = None
    url: Optional[str] = None
    link: Optional[AnyUrl] = None
    picture: Optional[NdArray] = None
    words: List[str] = []
    tags: Dict[str, float] = {}
    scores: Dict[str, float] = {}
    location: str = ''
    weight: float = 0.0


class Arrays(BaseDoc):
    image: Optional[ImageDoc] = None
    images: Optional[DocList[ImageDoc]] = None
    features: Optional[NdArray] = None
    größe: Optional[NdArray] = None
    numbers: List[float] = []
    mask: Optional[NdArray] = None


class Echo(Executor):
    @requests(on='/echo')
    def echo(self, docs: DocList[Item], **kwargs) -> DocList[Item]:
        return docs

    @requests(on='/arrays')
    def arrays(self, docs: DocList[Arrays], **kwargs) -> DocList[Arrays]:
        for doc in docs:
            pictures = [doc.image.tensor, *(image.tensor for image in doc.images)]
            assert [picture.shape for picture in pictures] == [(3, 224, 224)] * len(pictures), pictures
            for array in [*pictures, doc.features, doc.größe, doc.mask]:
                assert isinstance(array, np.ndarray), type(array)
            assert isinstance(doc.numbers, list) and isinstance(doc.numbers[0], float), type(doc.numbers)
        return docs

    @requests(on='/stream')
    async def stream(self, doc: Item, **kwargs) -> Item:
        for number in range(3):
            yield Item(name=f'{doc.name} {number}')
