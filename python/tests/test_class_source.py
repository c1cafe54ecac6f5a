"""Classes are copied with everything that they use."""

import dataclasses
import linecache
import math
import sys
import threading
import types
import unittest

from flowrun import Executor, requests
from flowrun.class_source import ClassCopier, ClassSourceError, importable_module

SCRIPT = """
import math as mathematics
from flowrun import Executor, requests

FACTOR = 3
LOCK = lock


def helper(value):
    return scaled(value) + mathematics.floor(0.5)


def scaled(value):
    return value * FACTOR


class Base(Executor):
    name = "base"


class Scale(Base):
    @requests(on="/scale")
    def scale(self, docs, **kwargs):
        FACTOR = None  # a local variable of the name of a global one
        return [helper(doc) for doc in docs]


class Locked(Executor):
    @requests
    def run(self, docs, **kwargs):
        with LOCK:
            pass
"""


def script(directory):
    """Runs `SCRIPT` like a program, and returns its names."""
    import os

    path = os.path.join(directory, "script.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(SCRIPT)
    module = types.ModuleType("__main__")
    vars(module)["lock"] = threading.Lock()
    exec(compile(SCRIPT, path, "exec"), vars(module))
    return vars(module)


def loaded(copier):
    """Runs the module that a copier has written, and returns its names."""
    names = {"__name__": "copied"}
    exec(compile(copier.text(), "copied.py", "exec"), names)
    return names


class ClassSourceTest(unittest.TestCase):
    def setUp(self):
        import tempfile

        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.names = script(directory.name)
        before = sys.modules["__main__"]
        self.addCleanup(sys.modules.__setitem__, "__main__", before)
        module = types.ModuleType("__main__")
        vars(module).update(self.names)
        sys.modules["__main__"] = module

    def test_a_class_of_a_script_is_copied_with_its_functions_values_and_base_classes(self):
        copier = ClassCopier()
        copier.add(self.names["Scale"])
        copied = loaded(copier)
        executor = copied["Scale"]()
        self.assertEqual(executor.scale([1, 2]), [3, 6])
        self.assertEqual((executor.name, copied["Scale"].__mro__[2]), ("base", Executor))
        self.assertNotIn("Locked", copied)

    def test_a_data_class_that_an_executor_uses_is_copied(self):
        @dataclasses.dataclass
        class Point:
            x: int = 1
            labels: list = dataclasses.field(default_factory=list)

        class Local(Executor):
            @requests
            def run(self, docs, **kwargs):
                return Point(2).x, Point().labels

        copier = ClassCopier()
        copier.add(Local)
        self.assertEqual(loaded(copier)["Local"]().run([]), (2, []))

    def test_a_local_class_is_copied_with_the_variables_around_it(self):
        amount = 5

        def add(value):
            return value + amount

        class Local(Executor):
            @requests
            def run(self, docs, **kwargs):
                return [math.sqrt(add(doc)) for doc in docs]

        copier = ClassCopier()
        copier.add(Local)
        self.assertEqual(loaded(copier)["Local"]().run([4, 11]), [3.0, 4.0])

    def test_tracebacks_of_copied_classes_name_the_original_line(self):
        class Failing(Executor):
            @requests
            def run(self, docs, **kwargs):
                raise ValueError("here")

        copier = ClassCopier()
        copier.add(Failing)
        try:
            loaded(copier)["Failing"]().run([])
        except ValueError as error:
            frame = error.__traceback__
            while frame.tb_next:
                frame = frame.tb_next
            self.assertEqual(frame.tb_frame.f_code.co_filename, __file__)
            with open(__file__, encoding="utf-8") as file:
                self.assertIn('raise ValueError("here")', file.read().splitlines()[frame.tb_lineno - 1])

    def test_classes_of_the_cells_of_a_notebook_are_copied(self):
        cells = [
            "from flowrun import Executor, requests\n",
            "class Empty(Executor):\n    label = 'cell'\n",
            "class Cell(Empty):\n    @requests\n    def run(self, docs, **kwargs):\n        return self.label\n",
        ]
        names = vars(sys.modules["__main__"])
        for number, cell in enumerate(cells):
            file = f"<ipython-input-{number}>"
            linecache.cache[file] = (len(cell), None, cell.splitlines(True), file)
            self.addCleanup(linecache.cache.pop, file)
            exec(compile(cell, file, "exec"), names)
        copier = ClassCopier()
        copier.add(names["Cell"])
        self.assertEqual(loaded(copier)["Cell"]().run([]), "cell")

    def test_values_that_cannot_be_copied_are_named(self):
        with self.assertRaisesRegex(ClassSourceError, "`Locked` uses `LOCK`"):
            ClassCopier().add(self.names["Locked"])

    def test_a_class_of_a_module_is_imported_from_there(self):
        self.assertEqual(importable_module(ClassSourceTest), __name__)
        self.assertIsNone(importable_module(self.names["Scale"]))


if __name__ == "__main__":
    unittest.main()
