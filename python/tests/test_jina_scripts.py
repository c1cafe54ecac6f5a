"""Scripts in the manner of public ones that use Jina run after changing the import.

Each also runs with Jina itself: `JINA=1 PYTHON -m unittest tests.test_jina_scripts`, where PYTHON is that of `make clients`.
"""

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import unittest

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "jina_scripts")

# Scripts that cannot run, and the text of the error that they get.
MISSING = {
    "first/custom_gateway.py": "every port of a flow serves gRPC, HTTP and WebSocket",
    "first/kubernetes.py": "docs/operating/Dockerfile",
}

# Scripts that name a package of an extra.
NEEDS = {"first/client_grpc.py": "grpc", "second/stream_doc.py": "grpc"}


def translated(text):
    """Returns a script with the import of flowrun in place of that of Jina, and of its documents before docarray 0.30."""
    text = re.sub(r"^(\s*\"?)from jina import", r"\1from flowrun import", text, flags=re.MULTILINE)
    return re.sub(r"from jina import", "from flowrun import", text)


def installed(name):
    return importlib.util.find_spec(name) is not None


def second_schema():
    """Returns whether docarray from 0.30 on is installed; `None` without docarray."""
    if not installed("docarray"):
        return None
    import docarray

    return hasattr(docarray, "BaseDoc")


def run(name):
    """Runs a script in a process and a directory of its own. Returns its exit code and its output."""
    with open(os.path.join(SCRIPTS, name), encoding="utf-8") as file:
        text = file.read()
    if not os.environ.get("JINA"):
        text = translated(text)
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, os.path.basename(name))
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([*filter(None, [os.environ.get("PYTHONPATH")]), root]),
            "JINA_OPTOUT_TELEMETRY": "1",
            "NO_VERSION_CHECK": "1",
        }
        done = subprocess.run(
            [sys.executable, path], cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120
        )
    return done.returncode, done.stdout.decode("utf-8", "replace")


def _scripts():
    for folder in ("first", "second"):
        for name in sorted(os.listdir(os.path.join(SCRIPTS, folder))):
            if name.endswith(".py"):
                yield f"{folder}/{name}"


class JinaScriptsTest(unittest.TestCase):
    """One test per script."""


def _test(name):
    def test(self):
        if name.startswith("second/") and not second_schema():
            self.skipTest("docarray from 0.30 on is not installed")
        if not installed("numpy"):
            self.skipTest("numpy is not installed")
        if name in NEEDS and not installed(NEEDS[name]):
            self.skipTest(f"{NEEDS[name]} is not installed")
        status, output = run(name)
        if name in MISSING and not os.environ.get("JINA"):
            self.assertNotEqual(status, 0)
            self.assertIn(MISSING[name], output)
        else:
            self.assertEqual(status, 0, output)

    return test


for _name in _scripts():
    _method = "test_" + re.sub(r"\W", "_", _name[:-3])
    setattr(JinaScriptsTest, _method, _test(_name))
JinaScriptsTest = unittest.skipUnless(
    os.environ.get("FLOWRUN_BINARY") or os.environ.get("JINA"), "FLOWRUN_BINARY does not name the program"
)(JinaScriptsTest)

if __name__ == "__main__":
    unittest.main()
