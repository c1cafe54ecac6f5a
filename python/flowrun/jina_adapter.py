"""Adapter for executors derived from Jina's `Executor`, with docarray documents."""

import dataclasses
import inspect
import sys

from . import wire
from .executor import origin_arguments
from .unused import unused_settings

DEFAULT = "/default"
# Endpoint that Jina adds to every executor.
DRY_RUN = "_jina_dry_run_"


def _keep_float(number):
    """Returns a number of the parameters as it is: a float even if it is whole, as in Jina."""
    return number


class JinaAdapter:
    """An executor of Jina, with the interface that the child's loops call."""

    def __init__(self, cls, start):
        from jina import __version__ as version
        from jina.serve.executors import BaseExecutor

        import docarray

        try:
            from jina._docarray import docarray_v2
        except ImportError:
            docarray_v2 = False
        self._is_v2 = docarray_v2
        self.schema = 2 if docarray_v2 else 1
        self._versions = f"jina {version}, docarray {docarray.__version__}"
        if docarray_v2:
            from docarray import DocList
            from docarray.proto import DocListProto

            self._array, self._message, self._write = DocList, DocListProto, DocList.to_protobuf
        else:
            from docarray import DocumentArray
            from docarray.proto.docarray_pb2 import DocumentArrayProto

            self._array, self._message = DocumentArray, DocumentArrayProto
            self._write = _writer(DocumentArray, DocumentArrayProto)
        runtime_args = {
            "provider": "NONE",
            "provider_endpoint": None,
            "metrics_registry": None,
            "tracer_provider": None,
            "meter_provider": None,
            "allow_concurrent": False,
            **start["runtime_args"],
        }
        settings = {"metas": start["metas"], "requests": start["requests"], "runtime_args": runtime_args}
        if "dynamic_batching" in inspect.signature(BaseExecutor.__init__).parameters:
            # Empty: flowrun itself applies the settings of the flow. Early versions have no such argument.
            settings["dynamic_batching"] = {}
        self.executor = _create_executor(cls, start["with"], settings)
        self.name = cls.__name__
        bound = {name: _function(entry).__name__ for name, entry in self.executor.requests.items() if name != DRY_RUN}
        self.unused = unused_settings(cls, _framework_class(cls), start["with"], bound)

    @staticmethod
    def accepts(cls):
        """Returns whether this adapter is for the class."""
        jina = sys.modules.get("jina.serve.executors")
        return jina is not None and isinstance(cls, type) and issubclass(cls, jina.BaseExecutor)

    @staticmethod
    def read_parameters(data):
        """Decodes parameters as Jina does."""
        return wire.read_struct(data, _keep_float)

    def endpoints(self):
        """Endpoints that the executor handles; `None`: all."""
        names = [name for name in self.executor.requests if name != DRY_RUN]
        return None if DEFAULT in names else names

    def batching(self):
        """Batching settings by endpoint; `*` stands for all other endpoints."""
        options = getattr(self.executor, "dynamic_batching", None) or {}
        found = {}
        for endpoint, entry in self.executor.requests.items():
            # Jina's keys are endpoints or method names; endpoints take precedence.
            settings = options.get(endpoint) or options.get(_function(entry).__name__)
            if settings and endpoint != DRY_RUN:
                found["*" if endpoint == DEFAULT else endpoint] = {
                    "preferred_batch_size": settings.get("preferred_batch_size") or 4,
                    "timeout": int(settings.get("timeout", 10_000)),
                    "flush_all": bool(settings.get("flush_all", False)),
                }
        return found

    def is_async(self):
        """Returns whether a method is a coroutine or an asynchronous generator, so that calls may run concurrently."""
        functions = [_unwrapped(_function(entry)) for entry in self.executor.requests.values()]
        return any(map(inspect.iscoroutinefunction, functions)) or any(map(inspect.isasyncgenfunction, functions))

    def versions(self):
        """Versions of jina and docarray."""
        return self._versions

    def prepare(self, endpoint, data, parameters, send=None):
        """Returns the method for an endpoint, its arguments and the documents; `None` if no method handles it. `send`
        receives the documents that a generator yields, encoded one by one; without it they are returned together."""
        methods = self.executor.requests
        entry = methods.get(endpoint) or methods.get(DEFAULT)
        if entry is None:
            return None
        function = _function(entry)
        is_generator = bool(getattr(entry, "is_generator", False))
        takes_one_doc = is_generator or bool(getattr(entry, "is_singleton_doc", False))
        array = self._array
        if self._is_v2:
            array = array[entry.request_schema] if takes_one_doc else entry.request_schema
        docs = array.from_protobuf(self._message.FromString(data))
        origins = origin_arguments(parameters, docs)
        if getattr(entry, "parameters_is_pydantic_model", False):
            parameters = entry.parameters_model(**parameters)
        arguments = {
            "parameters": parameters,
            **origins,
            "tracing_context": None,
        }
        if takes_one_doc:
            arguments["docs"] = docs
            method = self._for_each_doc(function, is_generator, getattr(entry, "response_schema", None), send)
        else:
            arguments["docs"] = docs
            method = function.__get__(self.executor)
        return method, arguments, docs

    def _for_each_doc(self, function, is_generator, schema, send):
        """Wraps a method that takes one document in a method that takes all of them, and sends or collects the documents
        that it yields."""
        executor = self.executor
        unwrapped = _unwrapped(function)

        def results():
            return self._array[schema]() if self._is_v2 else self._array()

        def add(returned, result):
            """Sends a document that a generator yielded, or collects it."""
            if send is None:
                returned.append(result)
            else:
                one = results()
                one.append(result)
                send(self._write(one).SerializeToString())

        if inspect.isasyncgenfunction(unwrapped):

            async def method(docs, **arguments):
                returned = results()
                for doc in docs:
                    async for result in function(executor, doc=doc, **arguments):
                        add(returned, result)
                return returned

        elif inspect.iscoroutinefunction(unwrapped):

            async def method(docs, **arguments):
                returned = results()
                for doc in docs:
                    result = await function(executor, doc=doc, **arguments)
                    returned.append(doc if result is None else result)
                return returned

        else:

            def method(docs, **arguments):
                returned = results()
                for doc in docs:
                    result = function(executor, doc=doc, **arguments)
                    if is_generator:
                        for yielded in result:
                            add(returned, yielded)
                    else:
                        returned.append(doc if result is None else result)
                return returned

        return method

    def finish(self, returned, docs):
        """Returns the documents as bytes, the results, and no failed documents after a call."""
        results = {}
        if isinstance(returned, self._array):
            docs = returned
        elif isinstance(returned, dict):
            results = returned
        elif returned is not None:
            raise TypeError(f"The return type must be DocList / Dict / `None`, but getting {returned!r}")
        return self._write(docs).SerializeToString(), results, {}

    def close(self):
        """Closes the executor."""
        return self.executor.close()


def _create_executor(cls, arguments, settings):
    """Creates an executor as Jina does: the generated constructor of a dataclass accepts its fields only, so that the
    constructor of the base class is called with the settings afterwards."""
    if not dataclasses.is_dataclass(cls):
        return cls(**arguments, **settings)
    executor = cls(**arguments)
    cls.__bases__[0].__init__(executor, **arguments, **settings)
    return executor


# Values of unset fields in docarray before 0.30.
_UNSET = {
    "id": None,
    "parent_id": "",
    "granularity": 0,
    "adjacency": 0,
    "blob": b"",
    "mime_type": "",
    "text": "",
    "weight": 0.0,
    "uri": "",
    "offset": 0.0,
    "modality": "",
}


def _writer(array, message):
    """Returns a function that encodes documents of docarray before 0.30.

    docarray's own encoder visits every field of every document, which takes longer than the rest of a call. The encoder
    here visits only fields that are set; it is used if both encode a test document in the same way.
    """
    try:
        from docarray import Document
        from docarray.proto.io.ndarray import flush_ndarray
    except ImportError:
        return array.to_protobuf

    def flush(doc, target):
        for name, value in vars(doc._data).items():
            if value is None or name in ("_reference_doc", "content"):
                continue
            if name in _UNSET:
                if value != _UNSET[name]:
                    setattr(target, name, value)
            elif name in ("tensor", "embedding"):
                flush_ndarray(getattr(target, name), value)
            elif name in ("chunks", "matches"):
                children = getattr(target, name)
                for child in value:
                    flush(child, children.add())
            elif name in ("tags", "_metadata"):
                if value:
                    getattr(target, name).update(value)
            elif name in ("scores", "evaluations"):
                for key, score in value.items():
                    target_score = getattr(target, name)[key]
                    for field in score.non_empty_fields:
                        setattr(target_score, field, getattr(score, field))
            elif name == "location":
                target.location.extend(value)
            else:
                raise KeyError(name)

    def write(docs):
        try:
            result = message()
            for doc in docs:
                flush(doc, result.docs.add())
            return result
        except Exception:
            # docarray's own encoder raises the error that users know.
            return docs.to_protobuf()

    return write if _encodes_like_docarray(write, array, Document) else array.to_protobuf


def _encodes_like_docarray(write, array, document):
    """Returns whether a document with most fields set is encoded as by docarray's own encoder."""
    import numpy

    try:
        full = document(
            text="t", uri="u", weight=0.5, offset=1.0, location=[1.0], modality="m", parent_id="p", granularity=1,
            adjacency=2, tags={"a": [1, None, {"b": True}]}, embedding=numpy.ones(2, dtype="float32"),
            chunks=[document(tensor=numpy.zeros((2, 2)))], matches=[document(blob=b"b"), document()],
        )
        full.scores["s"].value = 0.25
        full.evaluations["e"].op_name = "o"
        docs = array([full, document(text=""), document(content="c")])
        return write(docs) == docs.to_protobuf()
    except Exception:
        return False


def _framework_class(cls):
    """Returns the class of Jina that the executor is derived from."""
    return next(base for base in cls.__mro__ if base.__module__.split(".")[0] == "jina")


def _function(entry):
    """Returns the function of an endpoint, which later versions of Jina wrap in an object."""
    return getattr(entry, "fn", entry)


def _unwrapped(function):
    """Returns the user's function. Jina's decorators wrap it in a plain function, even if it is a generator."""
    return inspect.unwrap(function)
