"""The drawing of a flow."""
import os
import tempfile

from jina import Flow

path = os.path.join(tempfile.mkdtemp(), "flow.svg")
f = Flow().add(name="a").add(name="b", needs="gateway").needs(["a", "b"])
f.plot(path)
print(f)
