"""Test executors derived from flowrun's `Executor`."""

import asyncio
import multiprocessing
import os
import subprocess
import sys
import time

from flowrun import Document, DocumentArray, Executor, InputError, dynamic_batching, requests


class FieldAccess(Executor):
    """Accesses no field, or every field, of the documents."""

    @requests(on="/pass")
    def access_nothing(self, docs):
        pass

    @requests(on="/touch")
    def access_all(self, docs, **kwargs):
        # `content` is one of the others.
        properties = ((name, member) for name, member in vars(Document).items() if isinstance(member, property))
        names = [name for name, member in properties if member.fset is not None and name != "content"]

        def walk(doc):
            for name in names:
                setattr(doc, name, getattr(doc, name))
            for child in list(doc.chunks) + list(doc.matches):
                walk(child)

        for doc in docs:
            walk(doc)


class Sample(Executor):
    """One endpoint per behaviour under test."""

    def __init__(self, suffix="!", **kwargs):
        super().__init__(**kwargs)
        self.suffix, self.calls = suffix, 0

    @requests(on=["/shout", "louder"])
    def shout(self, docs, parameters, **kwargs):
        docs.texts = [text.upper() + self.suffix * int(parameters.get("times", 1)) for text in docs.texts]

    @requests
    def other(self, docs, **kwargs):
        for doc in docs:
            doc.tags["handled"] = "default"

    @requests(on="/origins")
    def origins(self, docs, docs_matrix, docs_map, **kwargs):
        docs_matrix[0][0].text += "!"
        return {
            "docs": docs.texts,
            "matrix": [part.texts for part in docs_matrix],
            "map": {name: part.texts for name, part in docs_map.items()},
        }

    @requests(on="/half")
    def half(self, docs, **kwargs):
        return docs[: len(docs) // 2]

    @requests(on="/more")
    def more(self, docs, **kwargs):
        return DocumentArray(docs) + [Document(id="new", text="more")]

    @requests(on="/about")
    def about(self, docs, parameters, **kwargs):
        return {
            "name": self.metas.name,
            "workspace": self.workspace,
            "parameters": parameters,
            "variables": {name: os.environ.get(name) for name in ("A", "B", "FLOWRUN_TOKEN")},
            "runtime": vars(self.runtime_args),
        }

    @requests(on="/raise")
    def raises(self, docs, **kwargs):
        raise KeyError("no such thing", 42)

    @requests(on="/input")
    def bad_input(self, docs, **kwargs):
        raise InputError("cannot be read")

    @requests(on="/partly")
    def partly(self, docs, **kwargs):
        for doc in docs:
            if doc.id.startswith("bad"):
                self.fail(doc, "it is bad")
            else:
                doc.text = "good"

    @requests(on="/wrong")
    def wrong(self, docs, **kwargs):
        return 42

    @requests(on="/die")
    def die(self, docs, **kwargs):
        print("last words", file=sys.stderr, flush=True)
        os._exit(7)

    @requests(on="/wait")
    def wait(self, docs, **kwargs):
        time.sleep(3600)

    @requests(on="/uncancellable")
    def uncancellable(self, docs, **kwargs):
        while True:
            try:
                time.sleep(3600)
            except BaseException:
                pass

    @requests(on="/pid")
    def pid(self, docs, **kwargs):
        self.calls += 1
        return {"pid": os.getpid(), "calls": self.calls}

    @requests(on="/start-processes")
    def start_processes(self, docs, **kwargs):
        self.child = subprocess.Popen(["sleep", "3600"])
        self.worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(3600,), daemon=True)
        self.worker.start()
        self.session = subprocess.Popen(["sleep", "3600"], start_new_session=True)
        return {"pids": [os.getpid(), self.child.pid, self.worker.pid, self.session.pid]}

    @requests(on="/print")
    def prints(self, docs, **kwargs):
        print("to the output")
        print("to the error", file=sys.stderr)

    def close(self):
        path = os.path.join(self.workspace, "closed")
        with open(path, "w") as file:
            file.write(self.suffix)

    def unbound(self, docs, **kwargs):
        for doc in docs:
            doc.tags["method"] = "unbound"


class AsyncMethods(Executor):
    """Coroutine methods, and one plain method."""

    @requests(on="/meet")
    async def meet(self, docs, parameters, **kwargs):
        # Returns only once all calls are in flight.
        self.present = getattr(self, "present", 0) + 1
        while self.present < parameters["all"]:
            await asyncio.sleep(0.001)

    @requests(on="/wait")
    async def wait(self, docs, **kwargs):
        await asyncio.sleep(3600)

    @requests(on="/sync")
    def sync(self, docs, **kwargs):
        for doc in docs:
            if doc.id == "bad":
                self.fail(doc, "it is bad")


class FailingConstructor(Executor):
    """Raises in its constructor."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        raise RuntimeError("no licence")


class SlowConstructor(Executor):
    """Never becomes ready."""

    def __init__(self, **kwargs):
        print("still loading", flush=True)
        time.sleep(3600)


class NotAnExecutor:
    """A class without the base class of executors."""


class Batched(Executor):
    """Writes the number of documents of its call into each document."""

    @requests(on="/count")
    @dynamic_batching(preferred_batch_size=3, timeout=600_000)
    def count(self, docs):
        for doc in docs:
            doc.tags["batch_size"] = len(docs)
