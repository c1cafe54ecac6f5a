"""Protobuf, as much of it as documents need: fields are read from bytes and written to them, without a schema compiler."""

import struct

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5

_DOUBLE = struct.Struct("<d")
_FLOAT = struct.Struct("<f")

# How deep values may lie in one another.
DEPTH_MAX = 100


class WireError(ValueError):
    """Bytes that are no message."""


def read_varint(data, at):
    """The number that begins at `at`, and where it ends."""
    result = shift = 0
    while True:
        try:
            byte = data[at]
        except IndexError:
            raise WireError("the message is cut off") from None
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, at
        shift += 7
        if shift > 63:
            raise WireError("a number is too long")


def write_varint(number):
    """The number as bytes."""
    if number < 0x80:
        return bytes((number,))
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def fields(data):
    """Each field of a message: its number, its wire type, its value, and where it begins and ends."""
    at, end = 0, len(data)
    while at < end:
        begin = at
        key, at = read_varint(data, at)
        kind = key & 7
        if kind == LENGTH:
            length, at = read_varint(data, at)
            stop = at + length
            if stop > end:
                raise WireError("the message is cut off")
            value = data[at:stop]
            at = stop
        elif kind == VARINT:
            value, at = read_varint(data, at)
        elif kind == FIXED32 or kind == FIXED64:
            stop = at + (4 if kind == FIXED32 else 8)
            if stop > end:
                raise WireError("the message is cut off")
            value = data[at:stop]
            at = stop
        else:
            raise WireError(f"a field has the unknown type {kind}")
        yield key >> 3, kind, value, begin, at


def block(number, data):
    """A field of bytes, of text, or of a message."""
    return write_varint(number << 3 | LENGTH) + write_varint(len(data)) + data


def text_field(number, text):
    """A field of text; nothing when it is empty."""
    return block(number, text.encode()) if text else b""


def float_field(number, value):
    """A field of a float of 32 bits."""
    return write_varint(number << 3 | FIXED32) + _FLOAT.pack(value)


def read_float(value):
    """The float of 32 bits in a field."""
    return _FLOAT.unpack(value)[0]


def text_of(value):
    """The text in a field."""
    return str(value, "utf-8")


def read_struct(data, number=None, depth=DEPTH_MAX):
    """The dictionary that a `Struct` stands for. Numbers without a fraction are integers, unless `number` makes
    something else of every one."""
    if depth == 0:
        raise WireError("values lie too deep in one another")
    result = {}
    for field, _, entry, _, _ in fields(data):
        if field == 1:
            name, value = "", None
            for part, _, content, _, _ in fields(entry):
                if part == 1:
                    name = text_of(content)
                elif part == 2:
                    value = _read_value(content, number, depth - 1)
            result[name] = value
    return result


def _read_value(data, number, depth):
    if depth == 0:
        raise WireError("values lie too deep in one another")
    value = None
    for field, _, content, _, _ in fields(data):
        if field == 2:
            value = _DOUBLE.unpack(content)[0]
            if number is not None:
                value = number(value)
            elif value.is_integer() and abs(value) < 2**53:
                value = int(value)
        elif field == 3:
            value = text_of(content)
        elif field == 4:
            value = bool(content)
        elif field == 5:
            value = read_struct(content, number, depth)
        elif field == 6:
            value = [
                _read_value(item, number, depth - 1) for part, _, item, _, _ in fields(content) if part == 1
            ]
        else:
            value = None
    return value


def write_struct(entries):
    """A dictionary as a `Struct`. Entries stand in the order of their names."""
    out = []
    for name in sorted(entries, key=str):
        out.append(block(1, text_field(1, str(name)) + block(2, _write_value(entries[name]))))
    return b"".join(out)


def _write_value(value):
    if value is None:
        return b"\x08\x00"
    if isinstance(value, bool):
        return b"\x20\x01" if value else b"\x20\x00"
    if isinstance(value, (int, float)):
        return b"\x11" + _DOUBLE.pack(value)
    if isinstance(value, str):
        return block(3, value.encode())
    if isinstance(value, dict):
        return block(5, write_struct(value))
    if hasattr(value, "tolist"):
        # An array or a number of numpy's.
        return _write_value(value.tolist())
    if isinstance(value, (list, tuple, set, frozenset)):
        return block(6, b"".join(block(1, _write_value(item)) for item in value))
    raise TypeError(f"{value!r} is neither null, a truth value, a number, a text, a list nor a dictionary")
