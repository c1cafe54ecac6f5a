"""Binding of methods to endpoints, and the arguments of constructors and methods."""

import asyncio
import inspect
import unittest

from flowrun import Executor, dynamic_batching, requests
from flowrun.document import Document, read_documents, write_documents
from flowrun.executor import accepted_arguments, create_executor
from flowrun.native_adapter import NativeAdapter
from flowrun.unused import unused_settings


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


class Forwards(Base):
    def __init__(self, size=1, **kwargs):
        super().__init__(**kwargs)


class Reads(Base):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.size = kwargs.get("size")


class Confused(Executor):
    @requests(on="/a")
    def first(self, docs):
        pass

    @requests(on=["/a", "/b"])
    def second(self, docs):
        pass

    @dynamic_batching(preferred_batch_size=2)
    def unbound(self, docs):
        pass


class Generators(Executor):
    @requests(on="/each")
    def each(self, docs, parameters):
        for number in range(int(parameters["times"])):
            for doc in docs:
                yield Document(text=f"{doc.id} {number}")

    @requests(on="/each-async")
    async def each_async(self, docs):
        for doc in docs:
            yield Document(text=doc.id)


def call(adapter, endpoint, parameters=None):
    method, arguments, docs = adapter.prepare(endpoint, write_documents([Document(id="a")]), parameters or {})
    return adapter.finish(method(**arguments), docs)[1]


START = {"with": {}, "metas": {"name": "n"}, "requests": {}, "runtime_args": {"workspace": None}}


class BindingTest(unittest.TestCase):
    def test_a_class_inherits_the_endpoints_of_its_bases(self):
        adapter = NativeAdapter(Derived, START)
        self.assertEqual(set(adapter.executor.requests), {"/a", "/b", "/c", "/default"})
        self.assertIsNone(adapter.endpoints())
        self.assertEqual(call(adapter, "/a"), {"by": "derived"})
        self.assertEqual(call(adapter, "/c", {"name": "x"}), {"by": "x"})
        offered = ["docs", "docs_map", "docs_matrix", "parameters", "tracing_context"]
        self.assertEqual(call(adapter, "/else"), {"by": offered})

    def test_requests_of_the_flow_bind_a_method_to_several_endpoints(self):
        for method in ("first", "second"):
            start = {**START, "requests": {"/x": method, "y": method, "/b": method}}
            adapter = NativeAdapter(Derived, start)
            own = {"first": {"/c"}, "second": {"/a"}}[method]
            bound = {endpoint for endpoint, name in adapter.executor.requests.items() if name == method}
            self.assertEqual(bound, {"/x", "/y", "/b"})
            self.assertEqual(set(adapter.executor.requests) - bound, {"/default"} | own)

    def test_generators_return_all_documents_that_they_yield(self):
        adapter = NativeAdapter(Generators, START)
        self.assertTrue(adapter.is_async())
        data = write_documents([Document(id="a"), Document(id="b")])
        for endpoint, texts in [("/each", ["a 0", "b 0", "a 1", "b 1"]), ("/each-async", ["a", "b"])]:
            method, arguments, docs = adapter.prepare(endpoint, data, {"times": 2})
            returned = method(**arguments)
            if inspect.isawaitable(returned):
                returned = asyncio.run(returned)
            self.assertEqual([doc.text for doc in read_documents(adapter.finish(returned, docs)[0])], texts)

    def test_a_constructor_receives_only_arguments_that_it_has(self):
        executor = create_executor(NoKeywords, {"size": 3}, {"name": "n"}, {}, {"shard_id": 2})
        self.assertEqual((executor.size, executor.metas.name, executor.runtime_args.shard_id), (3, "n", 2))
        with self.assertRaises(TypeError):
            create_executor(NoKeywords, {"sise": 3}, {}, {}, {})

    def test_a_method_receives_only_arguments_that_it_has(self):
        self.assertEqual(accepted_arguments(lambda docs: None, frozenset(("docs", "parameters"))), {"docs"})
        self.assertIsNone(accepted_arguments(lambda **rest: None, frozenset(("docs",))))


class UnusedTest(unittest.TestCase):
    def unused(self, cls, arguments=(), endpoints=None):
        return unused_settings(cls, Executor, arguments, {"/a": "first"} if endpoints is None else endpoints)

    def test_arguments_that_no_constructor_reads_are_reported_with_a_suggestion(self):
        self.assertEqual(
            self.unused(Forwards, ["sise", "size", "workspace"]),
            ["the constructor of Forwards has no parameter `sise`; it has no effect; did you mean `size`?"],
        )
        self.assertEqual(
            self.unused(Base, ["color"]), ["the constructor of Base has no parameter `color`; it has no effect"]
        )

    def test_arguments_that_a_constructor_may_read_are_not_reported(self):
        self.assertEqual(self.unused(Reads, ["size", "other"]), [])
        # An unknown argument is an error there.
        self.assertEqual(self.unused(NoKeywords, ["other"]), [])

    def test_methods_that_are_never_called_are_reported(self):
        self.assertEqual(
            self.unused(Confused, endpoints={"/a": "second", "/b": "second"}),
            [
                "the method `first` of Confused never handles /a, which is also bound to `second`",
                "the method `unbound` of Confused has `@dynamic_batching`, but is bound to no endpoint",
            ],
        )
        self.assertEqual(
            self.unused(NoKeywords, endpoints={}),
            ["NoKeywords binds no method to an endpoint: documents pass through it unchanged"],
        )


if __name__ == "__main__":
    unittest.main()
