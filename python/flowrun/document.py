"""Documents, decoded lazily.

A document keeps its encoded bytes. A field is decoded on first access; fields that were never accessed are sent back as the
bytes that were received. Conversions to objects of other libraries are in `conversion.py`.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple, Union, cast

from . import wire

try:
    import numpy
except ImportError:
    numpy = None  # type: ignore[assignment]

if TYPE_CHECKING:
    import pandas
    import PIL.Image
    import pyarrow

__all__ = [
    "Document",
    "DocumentArray",
    "FieldError",
    "NamedScore",
    "ReceivedDocuments",
    "Tensor",
    "numpy",
    "read_documents",
    "write_documents",
    "write_texts",
]


class FieldError(TypeError):
    """A field of a document was set to a value of a wrong type."""


class Tensor:
    """Array type of documents if numpy is not installed: bytes in C order, shape, and element type in numpy's notation
    (`<f4`)."""

    __slots__ = ("buffer", "dtype", "shape")

    buffer: bytes
    dtype: str
    shape: Tuple[int, ...]

    _FORMATS = {"f4": "f", "f8": "d", "f2": "e", "i1": "b", "u1": "B", "b1": "?", "i2": "h", "u2": "H", "i4": "i",
                "u4": "I", "i8": "q", "u8": "Q"}

    def __init__(self, buffer: bytes, shape: Iterable[int], dtype: str = "<f4") -> None:
        self.buffer, self.shape, self.dtype = bytes(buffer), tuple(shape), dtype

    @classmethod
    def from_floats(cls, values: Iterable[float]) -> Tensor:
        """Creates a vector of 32-bit floats."""
        values = list(values)
        return cls(struct.pack(f"<{len(values)}f", *values), (len(values),))

    of = from_floats  # its former name

    def tolist(self) -> Any:
        """The elements as nested lists."""
        code = self._FORMATS.get(self.dtype[1:])
        if code is None:
            raise TypeError(f"elements of type {self.dtype} cannot be read without numpy")
        order = ">" if self.dtype[0] == ">" else "<"
        elements = list(struct.unpack(f"{order}{len(self.buffer) // struct.calcsize(code)}{code}", self.buffer))
        if not self.shape:
            return elements[0]
        for size in reversed(self.shape[1:]):
            elements = [elements[start : start + size] for start in range(0, len(elements), size)] if size else elements
        return elements

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tensor):
            return NotImplemented
        return (self.buffer, self.shape, self.dtype) == (other.buffer, other.shape, other.dtype)

    def __repr__(self) -> str:
        return f"Tensor(shape={self.shape}, dtype={self.dtype!r})"


class NamedScore:
    """A score, and the operator that computed it."""

    __slots__ = ("description", "op_name", "ref_id", "value")

    value: float
    op_name: str
    description: str
    ref_id: str

    def __init__(self, value: float = 0.0, op_name: str = "", description: str = "", ref_id: str = "") -> None:
        self.value, self.op_name, self.description, self.ref_id = value, op_name, description, ref_id

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NamedScore):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def __repr__(self) -> str:
        return f"NamedScore({self.value}, {self.op_name!r})"


class DocumentArray(List["Document"]):
    """A list of documents, with the fields of all of them as columns.

    Args:
        docs: Documents, or one document.

    `docs["ID"]` is the document with an id. `docs[:, "text"]` is the list of a field of all documents, and
    `docs[:, ("id", "tags__price")]` that of each field; `docs[..., "text"]` includes chunks and matches at every depth.
    `docs["@m"]` are the matches of all documents, `docs["@c,m"]` the chunks and the matches, and `docs["@r"]` the documents.

    Example:
        >>> docs = DocumentArray(Document(id=str(n), text="a" * n) for n in range(3))
        >>> docs.texts
        ['', 'a', 'aa']
        >>> docs["1"].text
        'a'
        >>> docs[1:, "id"]
        ['1', '2']
    """

    def __init__(self, docs: Union[None, Document, Iterable[Document]] = None) -> None:
        super().__init__(() if docs is None else (docs,) if isinstance(docs, Document) else docs)

    @classmethod
    def empty(cls, size: int = 0) -> DocumentArray:
        """Creates a list of empty documents with random ids."""
        return cls(Document() for _ in range(size))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, int):
            return super().__getitem__(index)
        if isinstance(index, slice):
            return DocumentArray(super().__getitem__(index))
        if isinstance(index, str):
            return self._by_path(index[1:]) if index.startswith("@") else super().__getitem__(self._position(index))
        if index is Ellipsis:
            return self.flatten()
        if isinstance(index, tuple) and len(index) == 2 and _names_fields(index[1]):
            selected = self[index[0]]
            if isinstance(selected, Document):
                selected = DocumentArray(selected)
            names = index[1]
            return selected.values(names) if isinstance(names, str) else [selected.values(name) for name in names]
        if isinstance(index, Iterable):
            return DocumentArray(self[item] for item in _selected(index))
        return super().__getitem__(index)

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, tuple) and len(index) == 2 and isinstance(index[1], str):
            selected = self[index[0]]
            DocumentArray(selected)._set(index[1], [value] if isinstance(selected, Document) else value)
        else:
            super().__setitem__(self._position(index) if isinstance(index, str) else index, value)

    def __delitem__(self, index: Any) -> None:
        super().__delitem__(self._position(index) if isinstance(index, str) else index)

    def __contains__(self, doc: object) -> bool:
        return any(own.id == doc for own in self) if isinstance(doc, str) else super().__contains__(doc)

    def __add__(self, other: Iterable[Document]) -> DocumentArray:  # type: ignore[override]
        return DocumentArray([*self, *other])

    def __radd__(self, other: Iterable[Document]) -> DocumentArray:
        return DocumentArray([*other, *self])

    def __repr__(self) -> str:
        return f"<DocumentArray of {len(self)} documents>"

    def __reduce__(self) -> Any:
        return DocumentArray, (list(self),)

    def _position(self, id: str) -> int:
        for position, doc in enumerate(self):
            if doc.id == id:
                return position
        raise KeyError(f"no document has the id {id!r}")

    def _by_path(self, path: str) -> DocumentArray:
        found = DocumentArray()
        for part in path.split(","):
            docs: Sequence[Document] = self
            for letter in part.strip():
                if letter in "cm":
                    docs = [child for doc in docs for child in (doc.chunks if letter == "c" else doc.matches)]
                elif letter != "r":
                    raise ValueError(
                        f"{letter!r} in the path `@{path}`: use `c` for chunks, `m` for matches, `r` for the documents"
                    )
            found.extend(docs)
        return found

    def flatten(self) -> DocumentArray:
        """Returns the documents with their chunks and matches, at every depth."""
        found = DocumentArray()
        for doc in self:
            found.extend(doc.chunks.flatten())
            found.extend(doc.matches.flatten())
            found.append(doc)
        return found

    def values(self, name: str) -> Any:
        """Returns a field of all documents. `tags__price` is a tag, `scores__cosine` a score, `embedding` one array.

        Raises:
            AttributeError: A document has no such field.
        """
        if name in ("embedding", "tensor"):
            return self._stack(name)
        return [doc.get(name) for doc in self]

    @property
    def texts(self) -> List[str]:
        """The text of each document."""
        return [_read_content(doc._raw) or doc.text if doc._parts is None else doc.text for doc in self]

    @texts.setter
    def texts(self, texts: Iterable[Optional[str]]) -> None:
        self._set("text", texts)

    @property
    def blobs(self) -> List[Optional[bytes]]:
        """The blob of each document."""
        return [doc.blob for doc in self]

    @blobs.setter
    def blobs(self, blobs: Iterable[Optional[bytes]]) -> None:
        self._set("blob", blobs)

    @property
    def contents(self) -> List[Any]:
        """The text, blob or tensor of each document."""
        return [doc.content for doc in self]

    @property
    def embeddings(self) -> Any:
        """The embedding of each document: one numpy array, or a list if numpy is not installed; `None` if no document has
        one."""
        return self._stack("embedding")

    @embeddings.setter
    def embeddings(self, embeddings: Any) -> None:
        self._set("embedding", embeddings)

    @property
    def tensors(self) -> Any:
        """The tensor of each document, as one numpy array if their shapes are equal, otherwise as a list."""
        return self._stack("tensor")

    @tensors.setter
    def tensors(self, tensors: Any) -> None:
        self._set("tensor", tensors)

    def _stack(self, name: str) -> Any:
        arrays = [getattr(doc, name) for doc in self]
        if not self or numpy is None:
            return arrays
        missing = sum(array is None for array in arrays)
        if missing == len(arrays):
            return None
        if missing:
            raise ValueError(f"{missing} of {len(arrays)} documents have no {name}")
        arrays = [numpy.asarray(array) for array in arrays]
        shapes = {array.shape for array in arrays}
        if len(shapes) > 1 and name == "tensor":
            return arrays
        return numpy.stack(arrays)

    def _set(self, name: str, values: Any) -> None:
        values = list(values)
        if len(values) != len(self):
            raise ValueError(f"{len(values)} values for {len(self)} documents")
        for doc, value in zip(self, values):
            doc.set(name, value)

    def batch(self, batch_size: int) -> Iterator[DocumentArray]:
        """Yields the documents in lists of `batch_size`."""
        for start in range(0, len(self), batch_size):
            yield self[start : start + batch_size]

    def match(self, docs: Sequence[Document], metric: str = "cosine", limit: int = 20) -> None:
        """Sets `matches` of each document to the nearest of other documents, by exhaustive search with numpy.

        Args:
            docs: Documents to search, with embeddings.
            metric: `cosine`, `euclidean` or `sqeuclidean`; the name of the score of each match.
            limit: Maximum number of matches per document.

        Raises:
            ValueError: The metric is unknown, or a document has no embedding.

        Example:
            >>> docs = DocumentArray([Document(id="a", embedding=[1.0, 0.0]), Document(id="b", embedding=[0.0, 1.0])])
            >>> query = DocumentArray(Document(embedding=[0.9, 0.1]))
            >>> query.match(docs, limit=1)
            >>> query[0].matches[0].id
            'a'
        """
        from .conversion import nearest

        nearest(self, DocumentArray(docs), metric, limit)

    def to_bytes(self) -> bytes:
        """Encodes the documents as a message `DocumentArrayProto` of docarray before 0.30."""
        return write_documents(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> DocumentArray:
        """Decodes documents that `to_bytes` has encoded."""
        return read_documents(data)

    def to_docarray(self, schema: Any = None) -> Any:
        """Converts to a `DocumentArray` of docarray before 0.30, or with `schema`, a `BaseDoc` class, to its `DocList`."""
        from .conversion import to_docarray

        return to_docarray(self, schema)

    @classmethod
    def from_docarray(cls, docs: Any) -> DocumentArray:
        """Converts documents of docarray, before or after 0.30."""
        from .conversion import from_objects

        return cls(from_objects(docs))

    def to_dataframe(self) -> pandas.DataFrame:
        """Converts to a `pandas.DataFrame` with one row per document, and one column for each field that any has; each tag is
        a column `tags__NAME`."""
        from .conversion import to_dataframe

        return to_dataframe(self)

    @classmethod
    def from_dataframe(cls, frame: pandas.DataFrame) -> DocumentArray:
        """Converts the rows of a `pandas.DataFrame`; columns that are no fields become tags."""
        from .conversion import from_dataframe

        return from_dataframe(frame)

    def to_arrow(self) -> pyarrow.Table:
        """Converts to a `pyarrow.Table`, with the columns of `to_dataframe`; embeddings are lists of fixed size."""
        from .conversion import to_arrow

        return to_arrow(self)

    @classmethod
    def from_arrow(cls, table: pyarrow.Table) -> DocumentArray:
        """Converts the rows of a `pyarrow.Table`; columns that are no fields become tags."""
        from .conversion import from_arrow

        return from_arrow(table)

    def summary(self) -> None:
        """Prints the number of documents, and how many have each field."""
        counts: Dict[str, int] = {}
        for doc in self:
            for name in doc.non_empty_fields:
                counts[name] = counts.get(name, 0) + 1
        print(f"{len(self)} documents: " + ", ".join(f"{name} ({count})" for name, count in counts.items()))


def _read_content(raw: Any) -> Optional[str]:
    """Returns the text of an encoded document that has a short id and a short text only; otherwise `None`."""
    end = len(raw)
    if end < 4 or raw[0] != 0x0A:
        return None
    start = 2 + raw[1]
    # Any other length or field is left to the general decoder.
    if raw[1] < 0x80 and start + 1 < end and raw[start] == 0x22 and raw[start + 1] == end - start - 2 < 0x80:
        return str(raw[start + 2 :], "utf-8")
    return None


def _names_fields(names: Any) -> bool:
    return isinstance(names, str) or (isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names))


def _selected(index: Iterable[Any]) -> Iterator[Any]:
    """Yields the positions that a list of positions, ids or booleans selects."""
    items = list(index)
    if items and all(type(item).__name__ in ("bool", "bool_") for item in items):
        yield from (position for position, item in enumerate(items) if item)
    else:
        yield from (item if isinstance(item, str) else item.__index__() for item in items)


def _read_tensor(data: bytes) -> Any:
    buffer, shape, dtype = b"", [], "<f4"  # type: Tuple[bytes, List[int], str]
    dense = False
    for field, _, value, _, _ in wire.fields(data):
        if field == 1:
            dense = True
            for part, kind, content, _, _ in wire.fields(value):
                if part == 1:
                    buffer = content
                elif part == 2 and kind == wire.LENGTH:
                    position = 0
                    while position < len(content):
                        size, position = wire.read_varint(content, position)
                        shape.append(size)
                elif part == 2:
                    shape.append(content)
                elif part == 3:
                    dtype = wire.read_text(content)
    if not dense:
        return None
    if numpy is None:
        return Tensor(buffer, shape, dtype)
    # Copied, because an array over the received bytes would be read-only.
    return numpy.frombuffer(buffer, dtype=numpy.dtype(dtype)).reshape(shape).copy()


def _write_tensor(array: Any) -> bytes:
    if not isinstance(array, Tensor):
        if numpy is not None:
            array = numpy.asarray(array.numpy() if hasattr(array, "numpy") else array)
            if array.dtype.kind not in "biufc":
                raise TypeError("an array has rows of different lengths, or elements that are not numbers")
            array = Tensor(array.tobytes(), array.shape, array.dtype.str)
        else:
            array = Tensor.from_floats(array)
    shape = b"".join(wire.write_varint(size) for size in array.shape)
    dense = (wire.block(1, array.buffer) if array.buffer else b"") + (wire.block(2, shape) if shape else b"")
    return wire.block(1, dense + wire.text_field(3, array.dtype)) + wire.text_field(3, "numpy")


def _read_scores(values: Iterable[bytes]) -> Dict[str, NamedScore]:
    scores: Dict[str, NamedScore] = {}
    for entry in values:
        name, score = "", NamedScore()
        for part, _, content, _, _ in wire.fields(entry):
            if part == 1:
                name = wire.read_text(content)
            elif part == 2:
                for field, _, value, _, _ in wire.fields(content):
                    if field == 1:
                        score.value = wire.read_float(value)
                    elif field in (2, 3, 4):
                        setattr(score, ("op_name", "description", "ref_id")[field - 2], wire.read_text(value))
        scores[name] = score
    return scores


def _write_scores(number: int, scores: Dict[str, Any]) -> bytes:
    out = []
    for name, score in scores.items():
        if not isinstance(score, NamedScore):
            score = NamedScore(float(score))
        texts = (score.op_name, score.description, score.ref_id)
        content = wire.float_field(1, score.value) if score.value or str(score.value) == "-0.0" else b""
        content += b"".join(wire.text_field(field, text) for field, text in enumerate(texts, 2))
        out.append(wire.block(number, wire.text_field(1, name) + wire.block(2, content)))
    return b"".join(out)


def _read_floats(values: Iterable[bytes]) -> List[float]:
    floats: List[float] = []
    for value in values:
        floats.extend(struct.unpack(f"<{len(value) // 4}f", value))
    return floats


def _merge_messages(values: List[bytes]) -> bytes:
    """Merges several messages of one field, as protobuf specifies."""
    return values[0] if len(values) == 1 else b"".join(values)


def _is_array(value: Any) -> bool:
    """Returns whether a value can be an array. Its elements are checked when it is encoded."""
    return value is None or not isinstance(value, (str, bytes, dict, set, Document))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_optional_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_blob(value: Any) -> bool:
    return value is None or isinstance(value, (bytes, bytearray, memoryview))


def _is_count(value: Any) -> bool:
    return hasattr(value, "__index__")


def _is_optional_number(value: Any) -> bool:
    return value is None or hasattr(value, "__float__")


def _is_list(value: Any) -> bool:
    return hasattr(value, "__iter__") and not isinstance(value, (str, bytes, dict))


def _is_dictionary(value: Any) -> bool:
    return hasattr(value, "items")


class _Kind:
    """Kind of a field: a decoder of the values on the wire, an encoder, a factory of the default value, a check of values
    that are set, and the phrase for accepted values in error messages. `is_immutable`: values are not changed in place."""

    __slots__ = ("accepts", "default", "is_immutable", "read", "wanted", "write")

    def __init__(
        self,
        read: Callable[[Any], Any],
        write: Callable[[int, Any], bytes],
        default: Callable[[], Any],
        accepts: Callable[[Any], bool],
        wanted: str,
        is_immutable: bool = False,
    ) -> None:
        self.read, self.write, self.default, self.accepts, self.wanted = read, write, default, accepts, wanted
        self.is_immutable = is_immutable


_TEXT = _Kind(
    lambda values: wire.read_text(values[-1]),
    lambda number, text: wire.text_field(number, text),
    lambda: "",
    _is_text,
    "a text",
    is_immutable=True,
)
_CONTENT = _Kind(
    lambda values: wire.read_text(values[-1]),
    lambda number, text: b"" if text is None else wire.block(number, text.encode()),
    lambda: None,
    _is_optional_text,
    "a text or None",
    is_immutable=True,
)
_BLOB = _Kind(
    lambda values: bytes(values[-1]),
    lambda number, blob: b"" if blob is None else wire.block(number, bytes(blob)),
    lambda: None,
    _is_blob,
    "bytes or None",
    is_immutable=True,
)
_COUNT = _Kind(
    lambda values: values[-1],
    lambda number, count: wire.write_varint(number << 3) + wire.write_varint(int(count)) if count else b"",
    lambda: 0,
    _is_count,
    "an integer",
    is_immutable=True,
)
_FLOAT = _Kind(
    lambda values: wire.read_float(values[-1]),
    lambda number, value: b"" if value is None else wire.float_field(number, value),
    lambda: None,
    _is_optional_number,
    "a number or None",
    is_immutable=True,
)
_FLOATS = _Kind(
    _read_floats,
    lambda number, floats: wire.block(number, struct.pack(f"<{len(floats)}f", *floats)) if len(floats) else b"",
    list,
    _is_list,
    "a list of numbers",
)
_TENSOR = _Kind(
    lambda values: _read_tensor(_merge_messages(values)),
    lambda number, array: b"" if array is None else wire.block(number, _write_tensor(array)),
    lambda: None,
    _is_array,
    "an array of numbers or None",
)
_DOCUMENTS = _Kind(
    lambda values: DocumentArray(map(Document.from_bytes, values)),
    lambda number, docs: b"".join(wire.block(number, doc.to_bytes()) for doc in docs),
    DocumentArray,
    _is_list,
    "a list of documents",
)
_TAGS = _Kind(
    lambda values: wire.read_struct(_merge_messages(values)),
    lambda number, tags: wire.block(number, wire.write_struct(tags)) if tags else b"",
    dict,
    _is_dictionary,
    "a dictionary",
)
_SCORES = _Kind(_read_scores, _write_scores, dict, _is_dictionary, "a dictionary of scores")

_FIELDS = {
    1: ("id", _TEXT),
    2: ("blob", _BLOB),
    3: ("tensor", _TENSOR),
    4: ("text", _CONTENT),
    5: ("granularity", _COUNT),
    6: ("adjacency", _COUNT),
    7: ("parent_id", _TEXT),
    8: ("weight", _FLOAT),
    9: ("uri", _TEXT),
    10: ("modality", _TEXT),
    11: ("mime_type", _TEXT),
    12: ("offset", _FLOAT),
    13: ("location", _FLOATS),
    14: ("chunks", _DOCUMENTS),
    15: ("matches", _DOCUMENTS),
    16: ("embedding", _TENSOR),
    17: ("tags", _TAGS),
    18: ("scores", _SCORES),
}


# Values of documents of which no field was accessed; never changed.
_UNREAD: Dict[int, Any] = {}


class Document:
    """A document with the fields `id`, `text`, `blob`, `tensor`, `embedding`, `uri`, `mime_type`,
    `tags`, `scores`, `chunks`, `matches`, `weight`, `offset`, `location`, `modality`, `parent_id`, `granularity` and
    `adjacency`.

    Args:
        **values: Values of fields. `content` sets `text`, `blob` or `tensor` by the type of its value. Without `id` the
            document gets a random one.

    Raises:
        TypeError: A field does not exist, or has a value of a wrong type.

    Example:
        >>> doc = Document(text="hello", tags={"price": 3})
        >>> doc.text, doc.tags["price"], len(doc.id)
        ('hello', 3, 32)
    """

    if not TYPE_CHECKING:
        __slots__ = ("_parts", "_raw", "_values")
    else:
        # Properties, which are defined in a loop.
        id: str
        text: str
        blob: Optional[bytes]
        tensor: Any
        embedding: Any
        uri: str
        mime_type: str
        modality: str
        parent_id: str
        tags: Dict[str, Any]
        scores: Dict[str, NamedScore]
        chunks: DocumentArray
        matches: DocumentArray
        location: List[float]
        weight: Optional[float]
        offset: Optional[float]
        granularity: int
        adjacency: int
    _raw: Optional[bytes]
    _parts: Optional[Dict[int, Tuple[List[bytes], List[Any]]]]
    _values: Dict[int, Any]

    def __init__(self, **values: Any) -> None:
        own: Dict[int, Any] = {}
        self._raw, self._parts, self._values = None, {}, own
        for name, value in values.items():
            number = _NUMBERS.get(name)
            if number is None:
                if name == "content":
                    self.content = value
                    continue
                raise TypeError(f"a document has no field {name!r}")
            kind = _FIELDS[number][1]
            if not kind.accepts(value):
                raise self._wrong(name, kind, value)
            own[number] = DocumentArray(value) if number in _NESTED and not isinstance(value, DocumentArray) else value
        if 1 not in own:
            own[1] = os.urandom(16).hex()

    @classmethod
    def from_bytes(cls, data: bytes) -> Document:
        """Creates a document from its encoding."""
        document = cls.__new__(cls)
        document._raw, document._parts, document._values = data, None, _UNREAD
        return document

    def to_bytes(self) -> bytes:
        """Encodes the document. Fields that were not accessed keep their bytes."""
        parts, values = self._parts, self._values
        if parts is None:
            return bytes(cast(bytes, self._raw))
        if not parts:
            # A document of this process, which has no encoded fields.
            return b"".join([self._encode(number, values[number]) for number in sorted(values)])
        out = []
        for number in _FIELDS:
            if number in values:
                out.append(self._encode(number, values[number]))
            elif number in parts:
                out.extend(parts[number][0])
        # Unknown fields, of a later version, are preserved.
        out.extend(part for number in parts if number not in _FIELDS for part in parts[number][0])
        return b"".join(out)

    def _encode(self, number: int, value: Any) -> bytes:
        name, kind = _FIELDS[number]
        try:
            return kind.write(number, value)
        except FieldError:
            # The error names the field of a chunk or a match.
            raise
        except (AttributeError, TypeError, ValueError, OverflowError, struct.error) as error:
            if kind is _TAGS and _is_dictionary(value):
                raise FieldError(f"`{name}` of a document: {error}") from error
            raise self._wrong(name, kind, value) from error

    def _load(self) -> None:
        """Splits the encoding into fields. Each has the pieces of the encoding, and the values in them."""
        parts: Dict[int, Tuple[List[bytes], List[Any]]] = {}
        raw = cast(bytes, self._raw)
        position, end = 0, len(raw)
        while position < end:
            key = raw[position]
            if key & 0x87 == wire.LENGTH and position + 1 < end and raw[position + 1] < 0x80:
                # A field up to 15 with less than 128 bytes, as most are.
                number, start, stop = key >> 3, position + 2, position + 2 + raw[position + 1]
                if stop > end:
                    raise wire.WireError("the message is truncated")
                value: Any = raw[start:stop]
            else:
                number, _, value, _, length = next(wire.fields(raw[position:]))
                stop = position + length
            if number in parts:
                pieces, values = parts[number]
                pieces.append(raw[position:stop])
                values.append(value)
            else:
                parts[number] = ([raw[position:stop]], [value])
            position = stop
        self._parts, self._raw, self._values = parts, None, {}

    def _find(self, number: int) -> Any:
        """Returns the last value of a field in the encoding; `None` if there is none."""
        raw, position, found = cast(bytes, self._raw), 0, None
        end = len(raw)
        while position < end:
            key = raw[position]
            if key & 0x87 == wire.LENGTH and position + 1 < end and raw[position + 1] < 0x80:
                stop = position + 2 + raw[position + 1]
                if stop > end:
                    raise wire.WireError("the message is truncated")
                if key >> 3 == number:
                    found = raw[position + 2 : stop]
                position = stop
            else:
                field, _, value, _, length = next(wire.fields(raw[position:]))
                if field == number:
                    found = value
                position += length
        return found

    def _get(self, number: int) -> Any:
        if number not in self._values:
            kind = _FIELDS[number][1]
            if self._parts is None:
                if kind.is_immutable:
                    # Not kept, so that the document stays as small as its encoding.
                    value = self._find(number)
                    return kind.default() if value is None else kind.read((value,))
                self._load()
            part = cast(Any, self._parts).get(number)
            self._values[number] = kind.read(part[1]) if part else kind.default()
        return self._values[number]

    def _put(self, number: int, value: Any) -> None:
        if self._parts is None:
            self._load()
        name, kind = _FIELDS[number]
        if not kind.accepts(value):
            raise self._wrong(name, kind, value)
        self._values[number] = DocumentArray(value) if number in _NESTED and not isinstance(value, DocumentArray) else value

    def _wrong(self, name: str, kind: _Kind, value: Any) -> FieldError:
        """Returns the error for a value that a field cannot have."""
        given = repr(value)
        given = given if len(given) <= 100 else f"{given[:100]}…"
        return FieldError(f"`{name}` of a document must be {kind.wanted}, not {given}")

    @property
    def content(self) -> Any:
        """The text, the blob or the tensor: the first that is set. Setting it removes the other two."""
        return next((value for value in (self._get(4), self.blob, self.tensor) if value is not None), None)

    @content.setter
    def content(self, value: Any) -> None:
        self._put(4, value if isinstance(value, str) else None)
        self._put(2, bytes(value) if isinstance(value, (bytes, bytearray, memoryview)) else None)
        self._put(3, None if isinstance(value, (str, bytes, bytearray, memoryview)) else value)

    def get(self, name: str) -> Any:
        """Returns a field by name; `tags__price` is a tag (`None` if absent), `scores__cosine` the value of a score.

        Raises:
            AttributeError: There is no such field.
        """
        field, _, key = name.partition("__")
        if not key:
            return getattr(self, name)
        if field == "tags":
            value: Any = self.tags
            for part in key.split("__"):
                value = value.get(part) if isinstance(value, dict) else None
            return value
        if field == "scores":
            score = self.scores.get(key.partition("__")[0])
            return None if score is None else score.value
        raise AttributeError(f"a document has no field {name!r}")

    def set(self, name: str, value: Any) -> None:
        """Sets a field by name; `tags__price` sets a tag.

        Raises:
            AttributeError: There is no such field.
        """
        field, _, key = name.partition("__")
        if key and field == "tags":
            self.tags[key] = value
        else:
            setattr(self, name, value)

    @property
    def non_empty_fields(self) -> Tuple[str, ...]:
        """Names of the fields that have a value."""
        names = []
        for name, (number, kind) in _BY_NAME.items():
            value = self._get(number)
            if value is not None and (hasattr(value, "shape") or value != kind.default()):
                names.append(name)
        return tuple(names)

    def to_dict(self) -> Dict[str, Any]:
        """Converts to a dictionary for JSON, in the form of Jina's HTTP protocol: bytes are base64, arrays nested lists."""
        from .conversion import to_dict

        return to_dict(self)

    @classmethod
    def from_dict(cls, values: Dict[str, Any]) -> Document:
        """Creates a document from the dictionary that `to_dict` returns. Unknown keys become tags."""
        from .conversion import from_dict

        return from_dict(values)

    def to_docarray(self, schema: Any = None) -> Any:
        """Converts to a `Document` of docarray before 0.30, or with `schema`, a `BaseDoc` class, to an instance of it."""
        from .conversion import to_docarray

        return to_docarray(DocumentArray(self), schema)[0]

    @classmethod
    def from_docarray(cls, doc: Any) -> Document:
        """Converts a document of docarray, before or after 0.30."""
        from .conversion import from_object

        return from_object(doc)

    @classmethod
    def from_image(cls, image: PIL.Image.Image, **values: Any) -> Document:
        """Creates a document whose tensor has the pixels of a picture of Pillow."""
        return cls(tensor=numpy.asarray(image), **values)

    def to_image(self) -> PIL.Image.Image:
        """Returns the tensor, the blob or the file of `uri` as a picture of Pillow.

        Raises:
            ValueError: The document has none of them.
        """
        from .conversion import to_image

        return to_image(self)

    def load_uri_to_blob(self) -> Document:
        """Reads the file that `uri` names into `blob`, and returns the document."""
        import mimetypes

        with open(self._path(), "rb") as file:
            self.blob = file.read()
        self.mime_type = self.mime_type or mimetypes.guess_type(self.uri)[0] or ""
        return self

    def load_uri_to_text(self, charset: str = "utf-8") -> Document:
        """Reads the file that `uri` names into `text`, and returns the document."""
        with open(self._path(), encoding=charset) as file:
            self.text = file.read()
        return self

    def load_uri_to_image_tensor(self, width: Optional[int] = None, height: Optional[int] = None) -> Document:
        """Decodes the picture that `uri` names with Pillow into `tensor`, in RGB, and returns the document."""
        from PIL import Image

        with Image.open(self._path()) as image:
            rgb = image.convert("RGB")
            if width or height:
                rgb = rgb.resize((width or rgb.width, height or rgb.height))
            self.tensor = numpy.asarray(rgb)
        return self

    def _path(self) -> str:
        if "://" in self.uri and not self.uri.startswith("file://"):
            raise ValueError(f"`{self.uri}` is no file of this machine; download it first")
        return self.uri[len("file://") :] if self.uri.startswith("file://") else self.uri

    def summary(self) -> None:
        """Prints the fields that have a value."""
        for name in self.non_empty_fields:
            print(f"{name}: {self.get(name)!r:.200}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Document):
            return NotImplemented
        return self.to_bytes() == other.to_bytes()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Document(id={self.id!r})"

    def __reduce__(self) -> Any:
        return Document.from_bytes, (self.to_bytes(),)

    def __copy__(self) -> Document:
        return Document.from_bytes(self.to_bytes())

    def __deepcopy__(self, _: Any) -> Document:
        return Document.from_bytes(self.to_bytes())


# Chunks and matches.
_NESTED = (14, 15)

_NUMBERS = {name: number for number, (name, _) in _FIELDS.items()}
_BY_NAME = {name: (number, kind) for number, (name, kind) in _FIELDS.items()}
_NAMES = set(_NUMBERS)


def _property(number: int, name: str) -> property:
    def get(document: Document) -> Any:
        values = document._values
        return values[number] if number in values else document._get(number)


    return property(get, lambda document, value: document._put(number, value), doc=f"The document's `{name}`.")


for _number, (_name, _kind) in _FIELDS.items():
    setattr(Document, _name, _property(_number, _name))


def _text(document: Document) -> Any:
    if document._parts is None:
        text = _read_content(document._raw)
        if text is not None:
            return text
    text = document._get(4)
    return "" if text is None else text


def _set_text(document: Document, text: Any) -> None:
    raw = document._raw
    if raw is not None and type(text) is str and text and _read_content(raw) is not None:
        # The document has no other fields, so that it need not be split into them.
        document._raw, document._parts = None, {}
        document._values = {1: str(raw[2 : 2 + raw[1]], "utf-8"), 4: text}
    elif text != "" or document._get(4) is not None:
        # An absent text stays absent when it is set to the empty text as which it is read.
        document._put(4, text)


# Without a text it is empty, as in docarray before 0.30, but it is sent as absent.
Document.text = property(_text, _set_text, doc="The document's `text`.")  # type: ignore[assignment]


def read_documents(data: bytes) -> DocumentArray:
    """Decodes a list of documents, a `DocumentArrayProto`."""
    docs = DocumentArray()
    add, create = docs.append, Document.__new__
    for raw in wire.first_fields(data):
        document = create(Document)
        document._raw, document._parts, document._values = raw, None, _UNREAD
        add(document)
    return docs


def write_documents(docs: Iterable[Document]) -> bytes:
    """Encodes a list of documents as a `DocumentArrayProto`."""
    return b"".join([_encode_short(doc) or wire.block(1, doc.to_bytes()) for doc in docs])


def _encode_short(doc: Document) -> Optional[bytes]:
    """Encodes a new document with a short id and a short text, which most inputs are, as a field of a list; `None` for others."""
    values = doc._values
    if len(values) != 2 or doc._parts:
        return None
    try:
        name, content = values[1].encode(), values[4].encode()
    except (KeyError, AttributeError):
        return None
    return _short_field(name, content)


def _short_field(name: bytes, content: bytes) -> Optional[bytes]:
    """Encodes a document with an id and a text as a field of a list, if it has less than 128 bytes; otherwise `None`."""
    length, rest = len(name), len(content)
    if not length or not rest or length + rest > 123:
        return None
    # The keys of the document, its id and its text are 0x0a, 0x0a and 0x22.
    return b'\n%c\n%c%b"%c%b' % (length + rest + 4, length, name, rest, content)


def write_texts(texts: Iterable[str]) -> bytes:
    """Encodes texts as documents with random ids, a `DocumentArrayProto`."""
    texts = list(texts)
    ids = os.urandom(16 * len(texts)).hex()
    out: List[bytes] = []
    for position, text in enumerate(texts):
        name, content = ids[32 * position : 32 * position + 32].encode(), text.encode()
        field = _short_field(name, content)
        out.append(field or wire.block(1, wire.block(1, name) + wire.block(4, content)))
    return b"".join(out)


class ReceivedDocuments(DocumentArray):
    """Documents that stay encoded until one of them is accessed; then it is an ordinary `DocumentArray`.

    Most programs read the texts of replies, or their number: creating an object for each document would take longer than
    the request.
    """

    def add_encoded(self, data: bytes) -> None:
        """Appends the documents of a `DocumentArrayProto`."""
        list.extend(self, cast(Any, wire.first_fields(data)))

    def _decode(self) -> None:
        docs = list(map(Document.from_bytes, cast(Any, list.__iter__(self))))
        list.__setitem__(self, slice(None), docs)
        self.__class__ = DocumentArray  # type: ignore[assignment]

    @property
    def texts(self) -> List[str]:
        """The text of each document."""
        encoded = cast(Iterable[bytes], list.__iter__(self))
        return [_read_content(raw) or Document.from_bytes(raw).text for raw in encoded]

    @texts.setter
    def texts(self, texts: Iterable[Optional[str]]) -> None:
        self._decode()
        self.texts = texts


def _decoding(name: str) -> Any:
    def method(self: Any, *arguments: Any, **options: Any) -> Any:
        self._decode()
        return getattr(self, name)(*arguments, **options)

    return method


# Every method of lists that reads or changes the items.
for _name in (
    "__add__ __contains__ __delitem__ __eq__ __ge__ __getitem__ __gt__ __iadd__ __imul__ __iter__ __le__ __lt__ __mul__ __ne__ "
    "__radd__ __reduce__ __reversed__ __rmul__ __setitem__ append clear copy count extend index insert pop remove reverse sort"
).split():
    setattr(ReceivedDocuments, _name, _decoding(_name))
