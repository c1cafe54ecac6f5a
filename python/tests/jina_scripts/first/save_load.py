"""A flow that is saved as YAML and loaded again."""
import os
import tempfile

from jina import Flow

path = os.path.join(tempfile.mkdtemp(), "flow.yml")
f = Flow(name="saved").add(name="a").add(name="b", needs="gateway").needs(["a", "b"], name="c")
f.save_config(path)
with open(path) as file:
    print(file.read())
loaded = Flow.load_config(path)
with loaded:
    loaded.post("/", inputs=[])
