"""A flow of a YAML file whose executor is a class in a file next to it."""
import os
import tempfile

from jina import Document, Flow

directory = tempfile.mkdtemp()
with open(os.path.join(directory, "my_exec.py"), "w") as file:
    file.write(
        "from jina import Executor, requests\n"
        "class MyExec(Executor):\n"
        "    @requests\n"
        "    def run(self, docs, **kwargs):\n"
        "        for d in docs:\n"
        "            d.text = 'from yaml'\n"
    )
with open(os.path.join(directory, "flow.yml"), "w") as file:
    file.write("jtype: Flow\nexecutors:\n  - name: e\n    uses: MyExec\n    py_modules:\n      - my_exec.py\n")

with Flow.load_config(os.path.join(directory, "flow.yml")) as f:
    assert f.post("/", Document()).texts == ["from yaml"]
