"""Documents, decoded lazily.

A document keeps its encoded bytes. A field is decoded on first access; fields that were never accessed are sent back as the
bytes that were received.
"""

import os
import struct

from . import wire

try:
    import numpy
except ImportError:
    numpy = None


class FieldError(TypeError):
    """A field of a document was set to a value of a wrong type."""


class Tensor:
    """Array type of documents if numpy is not installed: bytes in C order, shape, and element type in numpy's notation
    (`<f4`)."""

    __slots__ = ("buffer", "dtype", "shape")

    _FORMATS = {"f4": "f", "f8": "d", "f2": "e", "i1": "b", "u1": "B", "b1": "?", "i2": "h", "u2": "H", "i4": "i",
                "u4": "I", "i8": "q", "u8": "Q"}

    def __init__(self, buffer, shape, dtype="<f4"):
        self.buffer, self.shape, self.dtype = bytes(buffer), tuple(shape), dtype

    @classmethod
    def from_floats(cls, values):
        """Creates a vector of 32-bit floats."""
        values = list(values)
        return cls(struct.pack(f"<{len(values)}f", *values), (len(values),))

    of = from_floats  # its former name

    def tolist(self):
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

    def __eq__(self, other):
        if not isinstance(other, Tensor):
            return NotImplemented
        return (self.buffer, self.shape, self.dtype) == (other.buffer, other.shape, other.dtype)

    def __repr__(self):
        return f"Tensor(shape={self.shape}, dtype={self.dtype!r})"


class NamedScore:
    """A score, and the operator that computed it."""

    __slots__ = ("description", "op_name", "ref_id", "value")

    def __init__(self, value=0.0, op_name="", description="", ref_id=""):
        self.value, self.op_name, self.description, self.ref_id = value, op_name, description, ref_id

    def __eq__(self, other):
        if not isinstance(other, NamedScore):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def __repr__(self):
        return f"NamedScore({self.value}, {self.op_name!r})"


class DocumentArray(list):
    """A list of documents."""

    def __getitem__(self, index):
        found = super().__getitem__(index)
        return DocumentArray(found) if isinstance(index, slice) else found

    @property
    def texts(self):
        """The text of each document."""
        return [doc.text for doc in self]

    @texts.setter
    def texts(self, texts):
        self._set("text", texts)

    @property
    def blobs(self):
        """The blob of each document."""
        return [doc.blob for doc in self]

    @property
    def embeddings(self):
        """The embedding of each document: one numpy array, or a list if numpy is not installed."""
        embeddings = [doc.embedding for doc in self]
        return numpy.stack(embeddings) if numpy is not None and embeddings else embeddings

    @embeddings.setter
    def embeddings(self, embeddings):
        self._set("embedding", embeddings)

    def _set(self, name, values):
        values = list(values)
        if len(values) != len(self):
            raise ValueError(f"{len(values)} values for {len(self)} documents")
        for doc, value in zip(self, values):
            setattr(doc, name, value)


def _read_tensor(data):
    buffer, shape, dtype = b"", [], "<f4"
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


def _write_tensor(array):
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


def _read_scores(values):
    scores = {}
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


def _write_scores(number, scores):
    out = []
    for name, score in scores.items():
        if not isinstance(score, NamedScore):
            score = NamedScore(float(score))
        texts = (score.op_name, score.description, score.ref_id)
        content = wire.float_field(1, score.value) if score.value or str(score.value) == "-0.0" else b""
        content += b"".join(wire.text_field(field, text) for field, text in enumerate(texts, 2))
        out.append(wire.block(number, wire.text_field(1, name) + wire.block(2, content)))
    return b"".join(out)


def _read_floats(values):
    floats = []
    for value in values:
        floats.extend(struct.unpack(f"<{len(value) // 4}f", value))
    return floats


def _merge_messages(values):
    """Merges several messages of one field, as protobuf specifies."""
    return values[0] if len(values) == 1 else b"".join(values)


def _is_array(value):
    """Returns whether a value can be an array. Its elements are checked when it is encoded."""
    return value is None or not isinstance(value, (str, bytes, dict, set, Document))


def _is_text(value):
    return isinstance(value, str)


def _is_optional_text(value):
    return value is None or isinstance(value, str)


def _is_blob(value):
    return value is None or isinstance(value, (bytes, bytearray, memoryview))


def _is_count(value):
    return hasattr(value, "__index__")


def _is_optional_number(value):
    return value is None or hasattr(value, "__float__")


def _is_list(value):
    return hasattr(value, "__iter__") and not isinstance(value, (str, bytes, dict))


def _is_dictionary(value):
    return hasattr(value, "items")


class _Kind:
    """Kind of a field: a decoder of the values on the wire, an encoder, a factory of the default value, a check of values
    that are set, and the phrase for accepted values in error messages."""

    __slots__ = ("accepts", "default", "read", "wanted", "write")

    def __init__(self, read, write, default, accepts, wanted):
        self.read, self.write, self.default, self.accepts, self.wanted = read, write, default, accepts, wanted


_TEXT = _Kind(
    lambda values: wire.read_text(values[-1]),
    lambda number, text: wire.text_field(number, text),
    lambda: "",
    _is_text,
    "a text",
)
_CONTENT = _Kind(
    lambda values: wire.read_text(values[-1]),
    lambda number, text: b"" if text is None else wire.block(number, text.encode()),
    lambda: None,
    _is_optional_text,
    "a text or None",
)
_BLOB = _Kind(
    lambda values: bytes(values[-1]),
    lambda number, blob: b"" if blob is None else wire.block(number, bytes(blob)),
    lambda: None,
    _is_blob,
    "bytes or None",
)
_COUNT = _Kind(
    lambda values: values[-1],
    lambda number, count: wire.write_varint(number << 3) + wire.write_varint(int(count)) if count else b"",
    lambda: 0,
    _is_count,
    "an integer",
)
_FLOAT = _Kind(
    lambda values: wire.read_float(values[-1]),
    lambda number, value: b"" if value is None else wire.float_field(number, value),
    lambda: None,
    _is_optional_number,
    "a number or None",
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


class Document:
    """A document with the fields `id`, `text`, `blob`, `tensor`, `embedding`, `uri`, `mime_type`,
    `tags`, `scores`, `chunks`, `matches`, `weight`, `offset`, `location`, `modality`, `parent_id`, `granularity` and
    `adjacency`. Keyword arguments set fields; without `id` the document gets a random one."""

    __slots__ = ("_parts", "_raw", "_values")

    def __init__(self, **values):
        self._raw, self._parts, self._values = None, {}, {}
        for name, value in values.items():
            if name not in _NAMES:
                raise TypeError(f"a document has no field {name!r}")
            setattr(self, name, value)
        if "id" not in values:
            self.id = os.urandom(16).hex()

    @classmethod
    def from_bytes(cls, data):
        """Creates a document from its encoding."""
        document = cls.__new__(cls)
        document._raw, document._parts, document._values = data, None, {}
        return document

    def to_bytes(self):
        """Encodes the document. Fields that were not accessed keep their bytes."""
        if self._parts is None:
            return bytes(self._raw)
        out = []
        for number, (name, kind) in _FIELDS.items():
            if number in self._values:
                try:
                    out.append(kind.write(number, self._values[number]))
                except FieldError:
                    # The error names the field of a chunk or a match.
                    raise
                except (AttributeError, TypeError, ValueError, OverflowError, struct.error) as error:
                    raise self._wrong(name, kind, self._values[number]) from error
            elif number in self._parts:
                out.extend(self._parts[number][0])
        # Unknown fields, of a later version, are preserved.
        out.extend(part for number in self._parts if number not in _FIELDS for part in self._parts[number][0])
        return b"".join(out)

    def _load(self):
        """Splits the encoding into fields. Each has the pieces of the encoding, and the values in them."""
        parts = {}
        for number, _, value, start, end in wire.fields(self._raw):
            pieces, values = parts.setdefault(number, ([], []))
            pieces.append(self._raw[start:end])
            values.append(value)
        self._parts, self._raw = parts, None

    def _get(self, number):
        values = self._values
        if number not in values:
            if self._parts is None:
                self._load()
            kind = _FIELDS[number][1]
            part = self._parts.get(number)
            values[number] = kind.read(part[1]) if part else kind.default()
        return values[number]

    def _put(self, number, value):
        if self._parts is None:
            self._load()
        name, kind = _FIELDS[number]
        if not kind.accepts(value):
            raise self._wrong(name, kind, value)
        self._values[number] = value

    def _wrong(self, name, kind, value):
        """Returns the error for a value that a field cannot have."""
        given = repr(value)
        given = given if len(given) <= 100 else f"{given[:100]}…"
        return FieldError(f"`{name}` of a document must be {kind.wanted}, not {given}")

    def __eq__(self, other):
        if not isinstance(other, Document):
            return NotImplemented
        return self.to_bytes() == other.to_bytes()

    __hash__ = None

    def __repr__(self):
        return f"Document(id={self.id!r})"


_NAMES = {name for name, _ in _FIELDS.values()}


def _property(number, name):
    return property(
        lambda self: self._get(number), lambda self, value: self._put(number, value), doc=f"The document's `{name}`."
    )


for _number, (_name, _) in _FIELDS.items():
    setattr(Document, _name, _property(_number, _name))


def read_documents(data):
    """Decodes a list of documents, a `DocumentArrayProto`."""
    return DocumentArray(Document.from_bytes(value) for field, _, value, _, _ in wire.fields(data) if field == 1)


def write_documents(docs):
    """Encodes a list of documents as a `DocumentArrayProto`."""
    return b"".join(wire.block(1, doc.to_bytes()) for doc in docs)
