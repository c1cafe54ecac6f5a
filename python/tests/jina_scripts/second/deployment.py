"""A deployment with typed documents, the first example of Jina 3.20."""
from docarray import BaseDoc, DocList
from jina import Deployment, Executor, requests


class Prompt(BaseDoc):
    text: str


class Generation(BaseDoc):
    prompt: str
    text: str


class Model(Executor):
    @requests
    def generate(self, docs: DocList[Prompt], **kwargs) -> DocList[Generation]:
        return DocList[Generation]([Generation(prompt=d.text, text=d.text[::-1]) for d in docs])


if __name__ == "__main__":
    with Deployment(uses=Model, timeout_ready=-1) as dep:
        docs = dep.post(on="/", inputs=[Prompt(text="abc")], return_type=DocList[Generation])
        assert docs[0].text == "cba" and docs[0].prompt == "abc"
