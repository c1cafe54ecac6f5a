"""An executor that stores a file in its workspace."""
import os
import tempfile

from jina import Document, Executor, Flow, requests


class Saver(Executor):
    @requests(on="/save")
    def save(self, docs, **kwargs):
        with open(os.path.join(self.workspace, "text.txt"), "w") as file:
            file.write(docs[0].text)

    @requests(on="/load")
    def load(self, docs, **kwargs):
        with open(os.path.join(self.workspace, "text.txt")) as file:
            docs[0].text = file.read()


workspace = tempfile.mkdtemp()
for on, text in (("/save", "kept"), ("/load", "")):
    with Flow(workspace=workspace).add(uses=Saver, name="saver") as f:
        result = f.post(on, Document(text=text))
assert result[0].text == "kept"
