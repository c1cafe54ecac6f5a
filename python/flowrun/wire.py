"""The part of the protobuf encoding that documents need, without a schema compiler."""

from __future__ import annotations

import struct
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5

_DOUBLE = struct.Struct("<d")
_FLOAT = struct.Struct("<f")

# Maximum nesting depth of values.
DEPTH_MAX = 100


class WireError(ValueError):
    """Bytes that are not a valid message."""


def read_varint(data: bytes, position: int) -> Tuple[int, int]:
    """Decodes the integer at `position`. Returns it and the position after it."""
    try:
        byte = data[position]
    except IndexError:
        raise WireError("the message is truncated") from None
    if byte < 0x80:
        return byte, position + 1
    result = shift = 0
    while True:
        try:
            byte = data[position]
        except IndexError:
            raise WireError("the message is truncated") from None
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, position
        shift += 7
        if shift > 63:
            raise WireError("an integer has more than 10 bytes")


def write_varint(number: int) -> bytes:
    """Encodes an integer, which must not be negative."""
    if number < 0x80:
        return bytes((number,))
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def fields(data: bytes) -> Iterator[Tuple[int, int, Any, int, int]]:
    """Yields each field of a message as (number, wire type, value, start, end), with its byte range in `data`. The value of
    a varint is an integer, any other value is the encoded bytes."""
    position, end = 0, len(data)
    while position < end:
        start = position
        key, position = read_varint(data, position)
        wire_type = key & 7
        value: Any
        if wire_type == VARINT:
            value, position = read_varint(data, position)
        else:
            if wire_type == LENGTH:
                length, position = read_varint(data, position)
            elif wire_type in (FIXED32, FIXED64):
                length = 4 if wire_type == FIXED32 else 8
            else:
                raise WireError(f"a field has the unknown wire type {wire_type}")
            if position + length > end:
                raise WireError("the message is truncated")
            value = data[position : position + length]
            position += length
        yield key >> 3, wire_type, value, start, position


# Key and length of the fields up to 18 with less than 128 bytes, which most fields have.
SHORT_HEADS = [
    [write_varint(number << 3 | LENGTH) + bytes((length,)) for length in range(128)] for number in range(19)
]


def block(number: int, data: bytes) -> bytes:
    """Encodes a field of bytes, text, or a message."""
    length = len(data)
    if length < 128 and number < 19:
        return SHORT_HEADS[number][length] + data
    return write_varint(number << 3 | LENGTH) + write_varint(length) + data


def text_field(number: int, text: str) -> bytes:
    """Encodes a field of text; an empty text has no field."""
    return block(number, text.encode()) if text else b""


def first_fields(data: bytes) -> List[bytes]:
    """Returns the values of the field 1, a message or bytes, in a message that usually has no other fields."""
    values: List[bytes] = []
    position, end = 0, len(data)
    append = values.append
    while position < end:
        if data[position] != 0x0A:
            number, _, value, _, stop = next(fields(data[position:]))
            if number == 1:
                append(value)
            position += stop
            continue
        if position + 1 < end and data[position + 1] < 0x80:
            start = position + 2
            stop = start + data[position + 1]
        else:
            length, start = read_varint(data, position + 1)
            stop = start + length
        if stop > end:
            raise WireError("the message is truncated")
        append(data[start:stop])
        position = stop
    return values


def float_field(number: int, value: float) -> bytes:
    """Encodes a field of a 32-bit float."""
    return write_varint(number << 3 | FIXED32) + _FLOAT.pack(value)


def read_float(value: bytes) -> float:
    """Decodes a 32-bit float."""
    number: float = _FLOAT.unpack(value)[0]
    return number


def read_text(value: bytes) -> str:
    """Decodes a text."""
    return str(value, "utf-8")


def read_struct(data: bytes, number: Optional[Callable[[float], Any]] = None, depth: int = DEPTH_MAX) -> Dict[str, Any]:
    """Decodes a `Struct` to a dictionary. Numbers without a fraction become integers, unless `number` converts them."""
    if depth == 0:
        raise WireError("values are nested too deeply")
    result: Dict[str, Any] = {}
    for field, _, entry, _, _ in fields(data):
        if field == 1:
            name, value = "", None
            for part, _, content, _, _ in fields(entry):
                if part == 1:
                    name = read_text(content)
                elif part == 2:
                    value = _read_value(content, number, depth - 1)
            result[name] = value
    return result


def _read_value(data: bytes, number: Optional[Callable[[float], Any]], depth: int) -> Any:
    if depth == 0:
        raise WireError("values are nested too deeply")
    value: Any = None
    for field, _, content, _, _ in fields(data):
        if field == 2:
            value = _DOUBLE.unpack(content)[0]
            if number is not None:
                value = number(value)
            elif value.is_integer() and abs(value) < 2**53:
                value = int(value)
        elif field == 3:
            value = read_text(content)
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


def write_struct(entries: Dict[Any, Any]) -> bytes:
    """Encodes a dictionary as a `Struct`, sorted by name."""
    out = []
    for name in sorted(entries, key=str):
        out.append(block(1, text_field(1, str(name)) + block(2, _write_value(entries[name]))))
    return b"".join(out)


def _write_value(value: Any) -> bytes:
    if value is None:
        return b"\x08\x00"
    if isinstance(value, bool):
        return b"\x20\x01" if value else b"\x20\x00"
    if isinstance(value, (int, float)):
        try:
            return b"\x11" + _DOUBLE.pack(value)
        except (OverflowError, struct.error) as error:
            raise ValueError("an integer is too large for a number of 64 bits") from error
    if isinstance(value, str):
        return block(3, value.encode())
    if isinstance(value, dict):
        return block(5, write_struct(value))
    if hasattr(value, "tolist"):
        # An array or a scalar of numpy.
        return _write_value(value.tolist())
    if isinstance(value, (list, tuple, set, frozenset)):
        return block(6, b"".join(block(1, _write_value(item)) for item in value))
    raise TypeError(f"{value!r:.100} cannot be a parameter, a tag or a result: use None, bool, int, float, str, list or dict")
