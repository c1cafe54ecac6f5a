"""Scripts in the manner of public ones that use Jina run after changing the import.

Each also runs with Jina itself: `JINA=1 PYTHON -m unittest tests.test_jina_scripts`, where PYTHON is that of `make clients`.
"""

import concurrent.futures
import functools
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


@functools.lru_cache(None)
def reason_to_skip(name):
    """Returns the reason why a script is not run here; `None` if it is."""
    if name.startswith("second/") and not second_schema():
        return "docarray from 0.30 on is not installed"
    if os.environ.get("JINA") and name.startswith("first/") and second_schema():
        return "docarray before 0.30 is not installed"
    for package in ("numpy", NEEDS.get(name)):
        if package and not installed(package):
            return f"{package} is not installed"
    return None


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
    """One test per script. Two scripts run at a time."""

    @classmethod
    def setUpClass(cls):
        cls.pool = concurrent.futures.ThreadPoolExecutor(2)
        cls.runs = {name: cls.pool.submit(run, name) for name in _scripts() if reason_to_skip(name) is None}

    @classmethod
    def tearDownClass(cls):
        cls.pool.shutdown()


def _test(name):
    def test(self):
        reason = reason_to_skip(name)
        if reason is not None:
            self.skipTest(reason)
        status, output = self.runs[name].result()
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
