"""Parameters of the constructor, and parameters of the request."""
from jina import Document, Executor, Flow, requests


class Repeat(Executor):
    def __init__(self, times: int = 1, suffix: str = "", *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.times = times
        self.suffix = suffix

    @requests
    def repeat(self, docs, parameters, **kwargs):
        for d in docs:
            d.text = d.text * self.times * int(parameters.get("factor", 1)) + self.suffix


f = Flow().add(uses=Repeat, uses_with={"times": 2, "suffix": "$."})
with f:
    assert f.post("/", Document(text="ab"))[0].text == "abab$."
    assert f.post("/", Document(text="ab"), parameters={"factor": 2})[0].text == "abababab$."
