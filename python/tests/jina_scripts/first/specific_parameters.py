"""Parameters for one executor of the flow."""
from jina import Document, Executor, Flow, requests


class Power(Executor):
    @requests
    def power(self, docs, parameters, **kwargs):
        docs[0].tags[self.runtime_args.name.split("/")[0]] = parameters.get("exponent", 1)


f = Flow().add(uses=Power, name="exec1").add(uses=Power, name="exec2")
with f:
    tags = f.post("/", Document(), parameters={"exec1__exponent": 3, "exponent": 2})[0].tags
    assert sorted(int(value) for value in tags.values()) == [2, 3], tags
