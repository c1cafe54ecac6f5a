"""A method that takes one document, and parameters as a model."""
from docarray import BaseDoc, DocList
from jina import Client, Deployment, Executor, requests


class Question(BaseDoc):
    text: str


class Answer(BaseDoc):
    text: str
    score: float


class Options(BaseDoc):
    weight: float = 1.0


class Ask(Executor):
    @requests(on="/ask")
    def ask(self, doc: Question, parameters: Options, **kwargs) -> Answer:
        return Answer(text=doc.text + "!", score=len(doc.text) * parameters.weight)


if __name__ == "__main__":
    with Deployment(uses=Ask) as dep:
        client = Client(port=dep.port)
        answers = client.post(
            "/ask", DocList[Question]([Question(text="why")]), parameters={"weight": 2.0}, return_type=DocList[Answer]
        )
        assert answers[0].text == "why!" and answers[0].score == 6.0
