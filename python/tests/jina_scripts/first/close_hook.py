"""`close` is called at the end of the flow."""
import os
import tempfile

from jina import Document, Executor, Flow, requests

path = os.path.join(tempfile.mkdtemp(), "closed")


class Closing(Executor):
    def __init__(self, path=None, **kwargs):
        super().__init__(**kwargs)
        self.path = path

    @requests
    def run(self, docs, **kwargs):
        pass

    def close(self):
        with open(self.path, "w") as file:
            file.write("closed")


with Flow().add(uses=Closing, uses_with={"path": path}) as f:
    f.post("/", Document())
    assert not os.path.exists(path)
assert open(path).read() == "closed"
