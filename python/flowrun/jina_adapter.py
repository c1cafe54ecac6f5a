"""Executors of Jina's own classes, with documents of docarray's, as the child's loop calls them."""

import inspect
import sys

from . import wire
from .executor import origins

DEFAULT = "/default"
DRY_RUN = "_jina_dry_run_"


def _float(number):
    # Parameters come as Jina gives them: every number is a float.
    return number


class Jina:
    """An executor of Jina's."""

    def __init__(self, kind, start):
        from jina import __version__ as version
        from jina.serve.executors import BaseExecutor  # noqa: F401

        import docarray

        try:
            from jina._docarray import docarray_v2
        except ImportError:
            docarray_v2 = False
        self._second = docarray_v2
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
        self.executor = kind(
            **start["with"], metas=start["metas"], requests=start["requests"], runtime_args=runtime_args
        )
        self.name = kind.__name__

    @staticmethod
    def takes(kind):
        """Whether a class is of Jina's."""
        jina = sys.modules.get("jina.serve.executors")
        return jina is not None and isinstance(kind, type) and issubclass(kind, jina.BaseExecutor)

    @staticmethod
    def read_parameters(data):
        """Parameters as Jina reads them."""
        return wire.read_struct(data, _float)

    def endpoints(self):
        """The endpoints that it handles; none for all."""
        names = [name for name in self.executor.requests if name != DRY_RUN]
        return None if DEFAULT in names else names

    def batching(self):
        """The endpoints that like to be called with the documents of several requests, and how; `*` for all others."""
        options = getattr(self.executor, "dynamic_batching", None) or {}
        found = {}
        for endpoint, entry in self.executor.requests.items():
            # Jina's keys are endpoints or names of methods; the former win.
            settings = options.get(endpoint) or options.get(_function(entry).__name__)
            if settings and endpoint != DRY_RUN:
                found["*" if endpoint == DEFAULT else endpoint] = {
                    "preferred_batch_size": settings.get("preferred_batch_size") or 4,
                    "timeout": int(settings.get("timeout", 10_000)),
                    "flush_all": bool(settings.get("flush_all", False)),
                }
        return found

    def waits(self):
        """Whether a method waits, so that several calls may be under way."""
        functions = (_function(entry) for entry in self.executor.requests.values())
        return any(map(inspect.iscoroutinefunction, functions)) or any(
            inspect.isasyncgenfunction(_function(entry)) for entry in self.executor.requests.values()
        )

    def about(self):
        """What it is made of."""
        return self._versions

    def prepare(self, endpoint, data, parameters):
        """The method for an endpoint with its arguments, and the documents; none when nothing handles it."""
        bound = self.executor.requests
        entry = bound.get(endpoint) or bound.get(DEFAULT)
        if entry is None:
            return None
        function = _function(entry)
        generates = bool(getattr(entry, "is_generator", False))
        singly = generates or bool(getattr(entry, "is_singleton_doc", False))
        array = self._array
        if self._second:
            array = array[entry.request_schema] if singly else entry.request_schema
        docs = array.from_protobuf(self._message.FromString(data))
        parts = origins(parameters, docs)
        if getattr(entry, "parameters_is_pydantic_model", False):
            parameters = entry.parameters_model(**parameters)
        arguments = {
            "parameters": parameters,
            **parts,
            "tracing_context": None,
        }
        if singly:
            arguments["docs"] = docs
            method = self._one_by_one(function, generates, getattr(entry, "response_schema", None))
        else:
            arguments["docs"] = docs
            method = function.__get__(self.executor)
        return method, arguments, docs

    def _one_by_one(self, function, generates, schema):
        """A method that gets one document at a time, as one that gets them all."""
        executor = self.executor

        def results():
            return self._array[schema]() if self._second else self._array()

        if inspect.isasyncgenfunction(function):

            async def method(docs, **arguments):
                returned = results()
                for doc in docs:
                    async for made in function(executor, doc=doc, **arguments):
                        returned.append(made)
                return returned

        elif inspect.iscoroutinefunction(function):

            async def method(docs, **arguments):
                returned = results()
                for doc in docs:
                    made = await function(executor, doc=doc, **arguments)
                    returned.append(doc if made is None else made)
                return returned

        else:

            def method(docs, **arguments):
                returned = results()
                for doc in docs:
                    made = function(executor, doc=doc, **arguments)
                    if generates:
                        returned.extend(made)
                    else:
                        returned.append(doc if made is None else made)
                return returned

        return method

    def finish(self, returned, docs):
        """The documents and the results that a method left behind."""
        results = {}
        if isinstance(returned, self._array):
            docs = returned
        elif isinstance(returned, dict):
            results = returned
        elif returned is not None:
            raise TypeError(f"The return type must be DocList / Dict / `None`, but getting {returned!r}")
        return self._write(docs).SerializeToString(), results, {}

    def close(self):
        """Ends it."""
        return self.executor.close()


# What fields of docarray's before 0.30 are when nobody has set them.
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
    """What makes a message of documents of docarray's before 0.30. Its own way asks every document for every field, which
    takes longer than all the rest; ours asks for those that are set, and is taken where both come to the same."""
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
                place = getattr(target, name)
                for below in value:
                    flush(below, place.add())
            elif name in ("tags", "_metadata"):
                if value:
                    getattr(target, name).update(value)
            elif name in ("scores", "evaluations"):
                for key, score in value.items():
                    place = getattr(target, name)[key]
                    for field in score.non_empty_fields:
                        setattr(place, field, getattr(score, field))
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
            # Whatever is wrong is said in docarray's own words.
            return docs.to_protobuf()

    return write if _same(write, array, Document) else array.to_protobuf


def _same(write, array, document):
    """Whether documents come out as by docarray's own way."""
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


def _function(entry):
    """The function behind an endpoint; later versions of Jina wrap it."""
    return getattr(entry, "fn", entry)
