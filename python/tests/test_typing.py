"""The types of the package are complete, and its examples work."""

import doctest
import importlib
import importlib.util
import os
import subprocess
import sys
import unittest

from tests.service import BINARY

try:
    import mypy  # noqa: F401
except ImportError:
    mypy = None

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

MODULES = ["class_source", "client", "conversion", "document", "executor", "flow", "flow_file", "index", "program", "protocol"]


class TypingTest(unittest.TestCase):
    @unittest.skipIf(mypy is None, "mypy is not installed")
    def test_the_package_and_a_program_that_uses_everything_are_typed(self):
        done = subprocess.run(
            [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", "flowrun", "tests/typed_example.py"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.assertEqual(done.returncode, 0, done.stdout.decode())

    @unittest.skipIf(importlib.util.find_spec("numpy") is None, "numpy is not installed")
    def test_the_examples_of_docstrings_print_what_they_show(self):
        tests = 0
        for name in MODULES:
            module = importlib.import_module(f"flowrun.{name}")
            names = {**vars(module)}
            for public in ("Client", "Document", "DocumentArray", "Executor", "Flow", "FlowError", "requests"):
                names[public] = getattr(importlib.import_module("flowrun"), public)
            results = doctest.testmod(module, extraglobs=names)
            self.assertEqual(results.failed, 0, name)
            tests += results.attempted
        self.assertGreater(tests, 15)

    def test_every_file_names_the_same_version(self):
        import re

        import flowrun

        for path in ("pyproject.toml", "../Cargo.toml"):
            with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                self.assertEqual(re.search(r'^version = "(.+)"', file.read(), re.MULTILINE)[1], flowrun.__version__, path)

    @unittest.skipUnless(BINARY, "FLOWRUN_BINARY does not name the program")
    def test_the_module_runs_the_program(self):
        done = subprocess.run([sys.executable, "-m", "flowrun", "--version"], cwd=ROOT, stdout=subprocess.PIPE)
        self.assertEqual((done.returncode, done.stdout.split()[0]), (0, b"flowrun"))


if __name__ == "__main__":
    unittest.main()
