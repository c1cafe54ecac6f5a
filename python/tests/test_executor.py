"""Executors bind their endpoints, and are made with what they take."""

import unittest

from flowrun import Executor, requests
from flowrun.executor import accepted, make
from flowrun.native import Native
from flowrun.document import Document, write_documents


class Base(Executor):
    @requests(on="/a")
    def first(self, docs):
        return {"by": "base"}

    @requests
    def rest(self, **kwargs):
        return {"by": sorted(kwargs)}


class Derived(Base):
    @requests(on=["b", "/c"])
    def second(self, docs, parameters):
        return {"by": parameters["name"]}

    def first(self, docs):
        return {"by": "derived"}


class NoKeywords(Executor):
    def __init__(self, size):
        self.size = size


def call(adapter, endpoint, parameters=None):
    method, arguments, docs = adapter.prepare(endpoint, write_documents([Document(id="a")]), parameters or {})
    return adapter.finish(method(**arguments), docs)[1]


START = {"with": {}, "metas": {"name": "n"}, "requests": {}, "runtime_args": {"workspace": None}}


class Binding(unittest.TestCase):
    def test_endpoints_are_those_of_the_class_and_of_what_it_derives_from(self):
        adapter = Native(Derived, START)
        self.assertEqual(set(adapter.executor.requests), {"/a", "/b", "/c", "/default"})
        self.assertIsNone(adapter.endpoints())
        self.assertEqual(call(adapter, "/a"), {"by": "derived"})
        self.assertEqual(call(adapter, "/c", {"name": "x"}), {"by": "x"})
        offered = ["docs", "docs_map", "docs_matrix", "parameters", "tracing_context"]
        self.assertEqual(call(adapter, "/else"), {"by": offered})

    def test_a_constructor_gets_what_it_takes(self):
        made = make(NoKeywords, {"size": 3}, {"name": "n"}, {}, {"shard_id": 2})
        self.assertEqual((made.size, made.metas.name, made.runtime_args.shard_id), (3, "n", 2))
        with self.assertRaises(TypeError):
            make(NoKeywords, {"sise": 3}, {}, {}, {})

    def test_a_function_gets_what_it_takes(self):
        self.assertEqual(accepted(lambda docs: None, frozenset(("docs", "parameters"))), {"docs"})
        self.assertIsNone(accepted(lambda **rest: None, frozenset(("docs",))))


if __name__ == "__main__":
    unittest.main()
