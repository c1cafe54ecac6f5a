"""Documents: what goes into an executor and comes out of it.

A document keeps the bytes that it came in. A field is read when it is asked for; what nobody asked for goes back as it
came.
"""

import os
import struct

from . import wire

try:
    import numpy
except ImportError:
    numpy = None


class Tensor:
    """An array where there is no numpy: its bytes in C order, its shape, and its type as numpy writes it (`<f4`)."""

    __slots__ = ("buffer", "dtype", "shape")

    _FORMATS = {"f4": "f", "f8": "d", "f2": "e", "i1": "b", "u1": "B", "b1": "?", "i2": "h", "u2": "H", "i4": "i",
                "u4": "I", "i8": "q", "u8": "Q"}

    def __init__(self, buffer, shape, dtype="<f4"):
        self.buffer, self.shape, self.dtype = bytes(buffer), tuple(shape), dtype

    @classmethod
    def of(cls, values):
        """A vector of floats of 32 bits."""
        values = list(values)
        return cls(struct.pack(f"<{len(values)}f", *values), (len(values),))

    def tolist(self):
        """The elements, as lists in lists."""
        letter = self._FORMATS.get(self.dtype[1:])
        if letter is None:
            raise TypeError(f"elements of the type {self.dtype} cannot be read without numpy")
        order = ">" if self.dtype[0] == ">" else "<"
        elements = list(struct.unpack(f"{order}{len(self.buffer) // struct.calcsize(letter)}{letter}", self.buffer))
        if not self.shape:
            return elements[0]
        for side in reversed(self.shape[1:]):
            elements = [elements[at : at + side] for at in range(0, len(elements), side)] if side else elements
        return elements

    def __eq__(self, other):
        if not isinstance(other, Tensor):
            return NotImplemented
        return (self.buffer, self.shape, self.dtype) == (other.buffer, other.shape, other.dtype)

    def __repr__(self):
        return f"Tensor(shape={self.shape}, dtype={self.dtype!r})"


class NamedScore:
    """A score and where it came from."""

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
        """The text of each."""
        return [doc.text for doc in self]

    @texts.setter
    def texts(self, texts):
        self._set("text", texts)

    @property
    def blobs(self):
        """The bytes of each."""
        return [doc.blob for doc in self]

    @property
    def embeddings(self):
        """The embedding of each: one array of numpy's, or a list where there is no numpy."""
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
                    at = 0
                    while at < len(content):
                        side, at = wire.read_varint(content, at)
                        shape.append(side)
                elif part == 2:
                    shape.append(content)
                elif part == 3:
                    dtype = wire.text_of(content)
    if not dense:
        return None
    if numpy is None:
        return Tensor(buffer, shape, dtype)
    # A copy: arrays that cannot be written to surprise.
    return numpy.frombuffer(buffer, dtype=numpy.dtype(dtype)).reshape(shape).copy()


def _write_tensor(array):
    if not isinstance(array, Tensor):
        if numpy is not None:
            array = numpy.asarray(array.numpy() if hasattr(array, "numpy") else array)
            if array.dtype == object:
                raise TypeError("an array has rows of different lengths, or elements that are no numbers")
            array = Tensor(array.tobytes(), array.shape, array.dtype.str)
        else:
            array = Tensor.of(array)
    shape = b"".join(wire.write_varint(side) for side in array.shape)
    dense = (wire.block(1, array.buffer) if array.buffer else b"") + (wire.block(2, shape) if shape else b"")
    return wire.block(1, dense + wire.text_field(3, array.dtype)) + wire.text_field(3, "numpy")


def _read_scores(values):
    scores = {}
    for entry in values:
        name, score = "", NamedScore()
        for part, _, content, _, _ in wire.fields(entry):
            if part == 1:
                name = wire.text_of(content)
            elif part == 2:
                for field, _, value, _, _ in wire.fields(content):
                    if field == 1:
                        score.value = wire.read_float(value)
                    elif field in (2, 3, 4):
                        setattr(score, ("op_name", "description", "ref_id")[field - 2], wire.text_of(value))
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


def _merged(values):
    """Messages of one field are parts of one message."""
    return values[0] if len(values) == 1 else b"".join(values)


# Of each field: its name, how its values are read, how what was read is written, and what it is when it is not there.
# What is mutable is made anew for each document.
_TEXT = (lambda values: wire.text_of(values[-1]), lambda number, text: wire.text_field(number, text), lambda: "")
_CONTENT = (
    lambda values: wire.text_of(values[-1]),
    lambda number, text: b"" if text is None else wire.block(number, text.encode()),
    lambda: None,
)
_BLOB = (
    lambda values: bytes(values[-1]),
    lambda number, blob: b"" if blob is None else wire.block(number, bytes(blob)),
    lambda: None,
)
_COUNT = (
    lambda values: values[-1],
    lambda number, count: wire.write_varint(number << 3) + wire.write_varint(count) if count else b"",
    lambda: 0,
)
_FLOAT = (
    lambda values: wire.read_float(values[-1]),
    lambda number, value: b"" if value is None else wire.float_field(number, value),
    lambda: None,
)
_FLOATS = (
    _read_floats,
    lambda number, floats: wire.block(number, struct.pack(f"<{len(floats)}f", *floats)) if floats else b"",
    list,
)
_TENSOR = (
    lambda values: _read_tensor(_merged(values)),
    lambda number, array: b"" if array is None else wire.block(number, _write_tensor(array)),
    lambda: None,
)
_DOCUMENTS = (
    lambda values: DocumentArray(map(Document.from_bytes, values)),
    lambda number, docs: b"".join(wire.block(number, doc.to_bytes()) for doc in docs),
    DocumentArray,
)
_TAGS = (
    lambda values: wire.read_struct(_merged(values)),
    lambda number, tags: wire.block(number, wire.write_struct(tags)) if tags else b"",
    dict,
)
_SCORES = (_read_scores, _write_scores, dict)

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
    """A document. Its fields are those of flowrun: `id`, `text`, `blob`, `tensor`, `embedding`, `uri`, `mime_type`,
    `tags`, `scores`, `chunks`, `matches`, `weight`, `offset`, `location`, `modality`, `parent_id`, `granularity` and
    `adjacency`."""

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
        """The document that a message stands for."""
        document = cls.__new__(cls)
        document._raw, document._parts, document._values = data, None, {}
        return document

    def to_bytes(self):
        """The message that the document is."""
        if self._parts is None:
            return bytes(self._raw)
        out = []
        for number, (_, (_, write, _)) in _FIELDS.items():
            if number in self._values:
                out.append(write(number, self._values[number]))
            elif number in self._parts:
                out.extend(self._parts[number][0])
        # What a later version may have added.
        out.extend(part for number in self._parts if number not in _FIELDS for part in self._parts[number][0])
        return b"".join(out)

    def _load(self):
        """Finds out where the fields are. Of each: the pieces of the message, and the values in them."""
        parts = {}
        for number, _, value, begin, end in wire.fields(self._raw):
            pieces, values = parts.setdefault(number, ([], []))
            pieces.append(self._raw[begin:end])
            values.append(value)
        self._parts, self._raw = parts, None

    def _get(self, number):
        values = self._values
        if number not in values:
            if self._parts is None:
                self._load()
            read, _, default = _FIELDS[number][1]
            part = self._parts.get(number)
            values[number] = read(part[1]) if part else default()
        return values[number]

    def _put(self, number, value):
        if self._parts is None:
            self._load()
        self._values[number] = value

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
    """The documents that a message lists."""
    return DocumentArray(Document.from_bytes(value) for field, _, value, _, _ in wire.fields(data) if field == 1)


def write_documents(docs):
    """Documents as a message that lists them."""
    return b"".join(wire.block(1, doc.to_bytes()) for doc in docs)
