"""`uses` with the YAML file of an executor."""
import os
import tempfile

from jina import Document, Flow

directory = tempfile.mkdtemp()
with open(os.path.join(directory, "executor.py"), "w") as file:
    file.write(
        "from jina import Executor, requests\n"
        "class Prefix(Executor):\n"
        "    def __init__(self, prefix='-', **kwargs):\n"
        "        super().__init__(**kwargs)\n"
        "        self.prefix = prefix\n"
        "    @requests\n"
        "    def run(self, docs, **kwargs):\n"
        "        for d in docs:\n"
        "            d.text = self.prefix + d.text\n"
    )
path = os.path.join(directory, "config.yml")
with open(path, "w") as file:
    file.write("jtype: Prefix\nwith:\n  prefix: '>'\nmetas:\n  py_modules:\n    - executor.py\n")

with Flow().add(uses=path) as f, Flow().add(uses=path, uses_with={"prefix": "#"}) as g:
    assert f.post("/", Document(text="a"))[0].text == ">a"
    assert g.post("/", Document(text="a"))[0].text == "#a"
