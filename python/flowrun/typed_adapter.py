"""Adapter for executors of this package whose methods are annotated with documents of docarray from 0.30 on."""

import functools
import inspect
import sys
import typing

from .executor import DEFAULT, FAILED, origin_arguments
from .native_adapter import NativeAdapter


def _base_doc():
    """Returns docarray's base class of documents; `None` if it is not imported, or older than 0.30."""
    return getattr(sys.modules.get("docarray"), "BaseDoc", None)


def _annotations(function):
    try:
        return typing.get_type_hints(function)
    except Exception:
        # An annotation names something that does not exist at run time.
        return {}


def _document_class(annotation):
    """Returns the class of the documents that an annotation names: `MyDoc`, `DocList[MyDoc]`, or a generator of them."""
    base = _base_doc()
    if base is None:
        return None
    for candidate in (annotation, getattr(annotation, "doc_type", None), *typing.get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, base):
            return candidate
    return None


def _schema(method):
    """Returns the class of the documents that a method receives, and whether it receives one at a time; `None` if it is not
    annotated with documents of docarray."""
    annotations = _annotations(method)
    explicit = _document_class(getattr(method, "__flowrun_schema__", None))
    for name in ("docs", "doc"):
        found = explicit or _document_class(annotations.get(name))
        if name in inspect.signature(method).parameters and found is not None:
            return found, name == "doc"
    return None


class TypedAdapter(NativeAdapter):
    """An executor whose methods receive `DocList[MyDoc]`, or one `doc: MyDoc` at a time."""

    schema = 2

    def __init__(self, cls, start):
        super().__init__(cls, start)
        from docarray import DocList
        from docarray.proto import DocListProto

        self._list, self._message = DocList, DocListProto
        self._schemas = {endpoint: _schema(method) for endpoint, (method, _) in self._methods.items()}

    @staticmethod
    def accepts(cls):
        """Returns whether this adapter is for the class."""
        return NativeAdapter.accepts(cls) and any(
            _schema(member) is not None
            for base in cls.__mro__
            for member in vars(base).values()
            if hasattr(member, "__flowrun_on__")
        )

    def versions(self):
        """Version of docarray."""
        import docarray

        return f"docarray {docarray.__version__}"

    def prepare(self, endpoint, data, parameters, send=None):
        """Returns the method for an endpoint, its arguments and the documents; `None` if no method handles it."""
        if endpoint not in self._methods:
            endpoint = DEFAULT
        if endpoint not in self._methods:
            return None
        method, names = self._methods[endpoint]
        schema, is_single = self._schemas[endpoint] or (None, False)
        if schema is None:
            from docarray.base_doc import AnyDoc

            schema = AnyDoc
        docs = self._list[schema].from_protobuf(self._message.FromString(data))
        arguments = {
            "parameters": self._parameters(method, parameters),
            **origin_arguments(parameters, docs),
            "tracing_context": None,
        }
        FAILED.set({})
        if names is not None:
            arguments = {name: value for name, value in arguments.items() if name in names}
        call = self._for_each(method, send) if is_single else self._for_all(method, send)
        arguments["docs"] = docs
        return call, arguments, docs

    @staticmethod
    def _parameters(method, parameters):
        """Returns the parameters, as the model of pydantic that the method is annotated with."""
        model = _annotations(method).get("parameters")
        is_model = isinstance(model, type) and hasattr(model, "__fields__")
        return model(**parameters) if is_model else parameters

    def _adder(self, returned, send):
        def add(doc):
            if send is None:
                returned.append(doc)
            else:
                send(self._list[type(doc)]([doc]).to_protobuf().SerializeToString())

        return add

    def _for_all(self, method, send):
        """Wraps a method so that the documents that a generator yields are sent or collected."""
        if inspect.isasyncgenfunction(method):

            @functools.wraps(method)
            async def call(**arguments):
                returned = []
                add = self._adder(returned, send)
                async for doc in method(**arguments):
                    add(doc)
                return returned

        elif inspect.isgeneratorfunction(method):

            @functools.wraps(method)
            def call(**arguments):
                returned = []
                add = self._adder(returned, send)
                for doc in method(**arguments):
                    add(doc)
                return returned

        else:
            return method
        return call

    def _for_each(self, method, send):
        """Wraps a method that takes one document in one that takes all of them."""
        if inspect.isasyncgenfunction(method):

            async def call(docs, **arguments):
                returned = []
                add = self._adder(returned, send)
                for doc in docs:
                    async for result in method(doc=doc, **arguments):
                        add(result)
                return returned

        elif inspect.iscoroutinefunction(method):

            async def call(docs, **arguments):
                results = [(doc, await method(doc=doc, **arguments)) for doc in docs]
                return [doc if result is None else result for doc, result in results]

        else:

            def call(docs, **arguments):
                returned = []
                add = self._adder(returned, send)
                for doc in docs:
                    result = method(doc=doc, **arguments)
                    if inspect.isgenerator(result):
                        for yielded in result:
                            add(yielded)
                    else:
                        returned.append(doc if result is None else result)
                return returned

        return call

    def finish(self, returned, docs):
        """Returns the documents as bytes, the results, and the failed documents after a call."""
        results = {}
        if isinstance(returned, dict):
            results = returned
        elif isinstance(returned, (list, tuple)) or hasattr(returned, "doc_type"):
            docs = returned
        elif returned is not None:
            raise TypeError(f"a method must return documents, a dictionary or None, not {returned!r}")
        failed = FAILED.get()
        kept = [doc for doc in docs if doc.id not in failed]
        base = _base_doc()
        if not all(isinstance(doc, base) for doc in kept):
            raise TypeError("a method must return documents of docarray")
        data = b"" if not kept else self._list[type(kept[0])](kept).to_protobuf().SerializeToString()
        return data, results, failed
