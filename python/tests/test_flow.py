"""Flows that are composed in Python are served by the program."""

import asyncio
import contextlib
import io
import itertools
import logging
import os
import select
import signal
import subprocess
import sys
import textwrap
import threading
import unittest
import warnings

import flowrun
from flowrun import (
    AsyncFlow,
    Deployment,
    Document,
    DocumentArray,
    Executor,
    Flow,
    FlowError,
    RequestError,
    ServiceUnavailable,
    requests,
)
from tests.service import DirectoryTest, needs_program


class Upper(Executor):
    """An executor of a module that can be imported."""

    @requests(on="/upper")
    def upper(self, docs, **kwargs):
        print("in the executor")
        for doc in docs:
            doc.text = doc.text.upper()

    @requests(on="/fail")
    def fail(self, docs, **kwargs):
        raise ValueError("not this one")


class CompositionTest(unittest.TestCase):
    def test_adding_changes_a_copy(self):
        first = Flow(name="f").add(name="a")
        second = first.add(name="b", needs="gateway")
        self.assertEqual((first.num_deployments, second.num_deployments), (1, 2))
        self.assertNotIn("name: b", first.to_yaml())
        second.add(name="c", copy_flow=False)
        self.assertIn("name: c", second.to_yaml())

    def test_executors_and_joins_get_names_like_in_jina(self):
        flow = Flow().add().add(needs="gateway").needs(["executor0", "executor1"]).needs_all()
        self.assertEqual([pod["name"] for pod in flow._pods], ["executor0", "executor1", "joiner0", "joiner1"])

    def test_a_class_that_is_no_executor_is_refused_at_the_call(self):
        with self.assertRaisesRegex(TypeError, "`Document` is no executor"):
            Flow().add(uses=Document).to_yaml()

    def test_names_of_jina_that_are_missing_point_to_the_guide(self):
        with self.assertRaisesRegex(ImportError, "docs/python-api.md"):
            from flowrun import Gateway  # noqa: F401
        with self.assertRaisesRegex(AttributeError, "docs/operating/kubernetes.yml"):
            Flow().to_kubernetes_yaml("k8s")
        self.assertFalse(hasattr(flowrun, "no_such_name"))

    def test_a_flow_that_is_not_started_refuses_requests(self):
        with self.assertRaisesRegex(FlowError, "with flow:"):
            Flow().post("/x")


@needs_program
class FlowTest(DirectoryTest):
    def test_classes_of_modules_and_of_functions_run_as_executors(self):
        ending = "?"

        class Local(Executor):
            @requests
            def run(self, docs, **kwargs):
                for doc in docs:
                    doc.text += ending

        with contextlib.redirect_stdout(io.StringIO()) as output, Flow().add(uses=Upper).add(uses=Local, replicas=2) as flow:
            docs = flow.post("/upper", ["a", Document(text="b")])
            self.assertEqual(docs.texts, ["A?", "B?"])
        self.assertIn("in the executor\n", output.getvalue())
        self.assertFalse(flow.is_running)

    def test_a_failed_request_raises_the_exception_of_the_executor(self):
        with Flow().add(uses=Upper, name="upper") as flow:
            with self.assertRaises(RequestError) as raised:
                flow.post("/fail", "a")
            error = raised.exception
            self.assertEqual((error.name, error.executor, error.arguments), ("ValueError", "Upper", ("not this one",)))
            self.assertIn("in fail", "".join(error.stacks))
            failed, done = [], []
            flow.post("/fail", ["a", "b"], request_size=1, on_error=failed.append, on_done=done.append)
            self.assertEqual((len(failed), len(done)), (2, 0))
            self.assertEqual(flow.post("/upper", "a", return_responses=True)[0].routes[1].executor, "upper")

    def test_mistakes_have_the_location_of_the_python_call(self):
        line = sys._getframe().f_lineno + 1
        flow = Flow(prefetc=3).add(name="a", uses="Pas").add(name="b", repliacs=2)
        with self.assertRaises(FlowError) as raised:
            flow.check()
        found = {(diagnostic.code, diagnostic.pod, diagnostic.location) for diagnostic in raised.exception.diagnostics}
        location = f"{__file__}:{line}"
        self.assertEqual(found, {("F202", None, location), ("F401", "a", location), ("F202", "b", location)})
        self.assertIn("did you mean `Pass`?", str(raised.exception))
        with self.assertRaises(FlowError) as raised:
            flow.start()
        self.assertEqual(len(raised.exception.diagnostics), 3)
        self.assertEqual(Flow().add(uses="Pass").check(), [])

    def test_an_executor_that_cannot_be_created_is_reported_with_its_lines(self):
        class Broken(Executor):
            def __init__(self, **kwargs):
                super().__init__(**kwargs)
                raise OSError("no model")

            @requests
            def run(self, docs, **kwargs):
                pass

        with self.assertRaises(FlowError) as raised:
            Flow().add(uses=Broken).start()
        self.assertRegex(str(raised.exception), r"no model[^$]*test_flow\.py:\d+ in __init__")

    def test_results_are_in_the_order_of_the_inputs(self):
        class Slow(Executor):
            @requests
            async def run(self, docs, **kwargs):
                await asyncio.sleep(0.02 if docs[0].text == "0" else 0)

        with Flow().add(uses=Slow) as flow:
            texts = [str(number) for number in range(50)]
            self.assertEqual(flow.post("/", texts, request_size=1).texts, texts)
            arrived = []
            flow.post("/", texts, request_size=1, results_in_order=False, on_done=lambda r: arrived.extend(r.docs.texts))
            self.assertEqual((sorted(arrived), arrived[0] == "0"), (sorted(texts), False))

    def test_a_stream_without_an_end_reads_its_inputs_as_replies_are_consumed(self):
        read = itertools.count()
        with Flow().add(uses="Pass") as flow:
            replies = flow.stream("/", (Document(text=str(next(read))) for _ in iter(int, 1)), request_size=10, prefetch=4)
            for _ in range(20):
                next(replies)
            replies.close()
            # 20 replies were consumed; at most 4 further requests were sent.
            self.assertLessEqual(next(read), 10 * 25)
            self.assertEqual(flow.post("/", "a").texts, ["a"])

    def test_several_threads_share_a_flow(self):
        with Flow().add(uses="Pass") as flow:
            results = {}

            def run(name):
                results[name] = flow.post("/", [f"{name} {number}" for number in range(500)], request_size=7).texts

            threads = [threading.Thread(target=run, args=(name,)) for name in "abcd"]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for name in "abcd":
                self.assertEqual(results[name], [f"{name} {number}" for number in range(500)])

    def test_a_saved_flow_equals_its_source(self):
        class Local(Executor):
            @requests
            def run(self, docs, **kwargs):
                for doc in docs:
                    doc.text = "saved"

        path = Flow(name="shop").add(uses=Local).save_config("shop.yml")
        self.assertTrue(os.path.exists("shop_executors.py"))
        with Flow.load_config(path) as flow:
            self.assertEqual(flow.post("/", "x").texts, ["saved"])
        with open(path, encoding="utf-8") as file, Flow.load_config(file.read()) as flow:
            self.assertEqual(flow.post("/", "x").texts, ["saved"])

    def test_variables_of_a_loaded_file_are_set(self):
        text = "jtype: Flow\nexecutors:\n- name: $NAME\n  uses: Pass\n"
        with Flow.load_config(text, variables={"NAME": "other"}) as flow:
            response = flow.post("/", "x", return_responses=True)[0]
            self.assertEqual([route.executor for route in response.routes], ["gateway", "other"])

    def test_an_asynchronous_flow_yields_documents(self):
        async def main():
            texts = []
            async with Flow(asyncio=True).add(uses="Pass") as flow:
                self.assertIsInstance(flow, AsyncFlow)
                async for docs in flow.post("/", ["a", "b", "c"], request_size=2):
                    self.assertIsInstance(docs, DocumentArray)
                    texts.extend(docs.texts)
            self.assertEqual(sorted(texts), ["a", "b", "c"])
            async with Flow().add(uses="Pass") as flow:
                self.assertEqual(flow.post("/", "x").texts, ["x"])

        asyncio.run(main())

    def test_closing_an_asynchronous_flow_without_a_loop_waits_for_no_connection(self):
        async def main():
            return [docs.texts async for docs in flow.post("/", "a")]

        with Flow(asyncio=True).add(uses="Pass") as flow:
            with warnings.catch_warnings():
                # Of the connection of the loop that has ended.
                warnings.simplefilter("ignore", ResourceWarning)
                self.assertEqual(asyncio.run(main()), [["a"]])
            client = flow._client
            connection = client._idle[0]._writer.get_extra_info("socket")
        self.assertEqual(client._idle, [])
        with self.assertRaises(OSError):
            connection.getpeername()

    def test_a_deployment_is_a_flow_of_one_executor(self):
        with Deployment(uses="Pass", name="one", port=0) as deployment:
            self.assertEqual(deployment.post("/", "x").texts, ["x"])
            self.assertTrue(deployment.is_flow_ready())

    def test_the_drawing_is_a_picture(self):
        flow = Flow().add(name="a").add(name="b", needs="gateway").needs(["a", "b"], name="join")
        self.assertIs(flow.plot("flow.svg"), flow)
        with open("flow.svg", encoding="utf-8") as file:
            self.assertEqual(file.read(), flow._repr_svg_())
        self.assertIn("join", flow.to_mermaid())

    def test_the_log_is_passed_on(self):
        with self.assertLogs("flowrun", logging.WARNING) as logs, Flow().add(uses=Upper, name="upper") as flow:
            flow.post("/nowhere", "x")
        self.assertIn("/nowhere", "".join(logs.output))

    def test_a_flow_whose_program_ends_is_reported_with_its_exit_code(self):
        flow = Flow().add(uses="Pass").start()
        try:
            os.kill(flow._service._process.pid, signal.SIGKILL)
            with self.assertRaisesRegex(ServiceUnavailable, "exit code -9"):
                flow.post("/", "x")
            with self.assertRaises(ServiceUnavailable):
                flow.block()
        finally:
            flow.close()

    @unittest.skipUnless(hasattr(os, "fork"), "the system has no fork")
    def test_a_forked_process_leaves_the_flow_of_its_parent_alone(self):
        # In an interpreter without gRPC, whose threads do not survive a fork.
        source = textwrap.dedent(
            """
            import os
            from flowrun import Flow

            with Flow().add(uses="Pass") as flow:
                directory = flow._service.directory
                child = os.fork()
                if child == 0:
                    try:
                        flow.close()
                    finally:
                        os._exit(0)
                assert os.waitpid(child, 0)[1] == 0
                assert os.path.isdir(directory) and flow.is_running
                assert flow.post("/", "a").texts == ["a"]
            """
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        subprocess.run([sys.executable, "-c", source], env=environment, check=True)

    def test_the_files_of_a_flow_that_is_never_closed_are_deleted_at_the_exit(self):
        source = "from flowrun import Flow\nprint(Flow().add(uses='Pass').start()._service.directory)"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        directory = subprocess.check_output([sys.executable, "-c", source], env=environment).decode().strip()
        self.assertTrue(os.path.basename(directory).startswith("flowrun-"))
        self.assertFalse(os.path.exists(directory))

    def test_a_flow_whose_token_cannot_be_sent_leaves_no_process(self):
        flow = Flow(token="s3cret\n").add(uses="Pass")
        with self.assertRaisesRegex(ValueError, "`token` must be"):
            flow.start()
        self.assertIsNone(flow._service)

    def test_blocking_ends_with_its_event(self):
        event = threading.Event()
        with Flow().add(uses="Pass") as flow:
            event.set()
            flow.block(stop_event=event)
            self.assertTrue(flow.is_running)

    def test_the_program_ends_with_this_process(self):
        source = (
            "import os, signal, sys\n"
            "from flowrun import Flow\n"
            "flow = Flow().add(uses='Pass').start()\n"
            "print(flow._service._process.pid, flush=True)\n"
            "sys.stdin.readline()\n"
            "{}\n"
        )
        for ending in ("os.kill(os.getpid(), signal.SIGKILL)", "sys.exit()", "os._exit(3)", "raise ValueError"):
            process = subprocess.Popen(
                [sys.executable, "-c", source.format(ending)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
            pid = int(process.stdout.readline())
            program = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
            process.communicate(b"\n")
            if program is not None:
                # Readable once the process has ended.
                self.assertTrue(select.select([program], [], [], 30)[0], ending)
                os.close(program)

    def test_a_module_that_starts_a_flow_while_it_is_imported_is_refused(self):
        with open("unguarded.py", "w", encoding="utf-8") as file:
            file.write(
                "from flowrun import Executor, Flow, requests\n"
                "class E(Executor):\n    @requests\n    def run(self, docs, **kwargs):\n        pass\n"
                "flow = Flow().add(uses=E).start()\n"
            )
        text = "jtype: Flow\nexecutors:\n- {name: e, uses: E, py_modules: [unguarded.py]}\n"
        with self.assertRaisesRegex(FlowError, "if __name__ == '__main__'"):
            Flow.load_config(text).start()


if __name__ == "__main__":
    unittest.main()
