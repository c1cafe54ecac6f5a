"""An executor that returns a dictionary: it is found in the parameters of the response."""
from jina import Document, Executor, Flow, requests


class Counter(Executor):
    @requests(on="/count")
    def count(self, docs, **kwargs):
        return {"count": len(docs)}


with Flow().add(uses=Counter, name="counter") as f:
    responses = f.post("/count", [Document(), Document()], return_responses=True)
    results = responses[0].parameters["__results__"]
    assert list(results.values())[0]["count"] == 2, results
