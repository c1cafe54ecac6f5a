"""An executor that returns other documents than it received."""
from jina import Document, DocumentArray, Executor, Flow, requests


class Longer(Executor):
    @requests
    def longer(self, docs: DocumentArray, parameters, **kwargs):
        return DocumentArray([d for d in docs if len(d.text) >= int(parameters["minimum"])])


with Flow().add(uses=Longer) as f:
    docs = f.post("/", [Document(text="a"), Document(text="bcd"), Document(text="ef")], parameters={"minimum": 2})
    assert sorted(docs[:, "text"]) == ["bcd", "ef"]
