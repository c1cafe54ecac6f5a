"""A flow of two executors with typed documents."""
import numpy as np
from docarray import BaseDoc, DocList
from docarray.typing import NdArray
from jina import Executor, Flow, requests


class Text(BaseDoc):
    text: str = ""


class Embedded(Text):
    embedding: NdArray = None


class Clean(Executor):
    @requests
    def clean(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        for doc in docs:
            doc.text = doc.text.strip().lower()
        return docs


class Encode(Executor):
    @requests
    def encode(self, docs: DocList[Text], **kwargs) -> DocList[Embedded]:
        return DocList[Embedded](
            [Embedded(id=doc.id, text=doc.text, embedding=np.full(3, len(doc.text), dtype="float32")) for doc in docs]
        )


f = Flow().add(uses=Clean, name="clean").add(uses=Encode, name="encode")
with f:
    docs = f.post("/", DocList[Text]([Text(text=" ABC "), Text(text="d")]), return_type=DocList[Embedded], request_size=1)
    assert sorted((d.text, float(d.embedding[0])) for d in docs) == [("abc", 3.0), ("d", 1.0)]
