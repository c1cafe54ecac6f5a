"""Writes flow files: a mapping as YAML in block style, with the line of each pod."""

from __future__ import annotations

import json
import math
import os
import re
from typing import Any, Dict, List, Mapping, Tuple

# Texts that need no quotes, in any version of YAML.
_PLAIN = re.compile(r"(?:[A-Za-z_/]|\.{1,2}/)[A-Za-z0-9_./-]*")
_RESERVED = {"true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan", "inf"}

# Characters that JSON's texts may contain, and YAML's may not, or that YAML reads as line breaks.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def plain_value(value: Any, name: str) -> Any:
    """Converts a parameter to a value of YAML: scalars and arrays of numpy to numbers and lists, paths to texts. A dollar sign is
    escaped, because flow files substitute variables.

    Raises:
        TypeError: The value cannot be written.
    """
    if value is None or isinstance(value, bool):
        return value
    # Subclasses, such as numpy's float64 and enumerations, have a representation of their own.
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, os.PathLike):
        return plain_value(os.fspath(value), name)
    if isinstance(value, Mapping):
        return {str(key): plain_value(item, f"{name}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain_value(item, name) for item in value]
    if hasattr(value, "tolist"):
        return plain_value(value.tolist(), name)
    if hasattr(value, "name") and hasattr(value, "value"):
        # A member of an enumeration, such as Jina's PollingType.
        return plain_value(value.name, name)
    raise TypeError(
        f"`{name}`: {value!r:.100} cannot be written to a flow file; use None, bool, int, float, str, list or dict"
    )


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        text = repr(value)
        if not math.isfinite(value):
            return ".nan" if math.isnan(value) else text.replace("inf", ".inf")
        # YAML 1.1 reads an exponent as a number only after a decimal point.
        return text if "e" not in text or "." in text else text.replace("e", ".0e")
    if isinstance(value, int):
        return str(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _RESERVED:
        return str(value)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def yaml_lines(value: Any, indent: int = 0) -> List[str]:
    """Returns a mapping or a list as lines of YAML."""
    space = " " * indent
    lines: List[str] = []
    if isinstance(value, dict):
        for key, item in value.items():
            lines.extend(_entry(f"{space}{_scalar(key)}:", item, indent))
    else:
        for item in value:
            if isinstance(item, dict) and item:
                first, *rest = yaml_lines(item, indent + 2)
                lines.extend([f"{space}- {first.lstrip()}", *rest])
            else:
                lines.extend(_entry(f"{space}-", item, indent))
    return lines


def _entry(start: str, item: Any, indent: int) -> List[str]:
    if isinstance(item, (dict, list)) and not item:
        return [f"{start} {'{}' if isinstance(item, dict) else '[]'}"]
    if isinstance(item, (dict, list)):
        return [start, *yaml_lines(item, indent + 2)]
    return [f"{start} {_scalar(item)}"]


def flow_text(settings: Dict[str, Any], pods: List[Dict[str, Any]]) -> Tuple[str, List[int]]:
    """Returns the text of a flow file, and the number of the first line of each pod."""
    lines = ["jtype: Flow", "version: '1'"]
    if settings:
        lines.extend(["with:", *yaml_lines(settings, 2)])
    starts = []
    if pods:
        lines.append("executors:")
    for pod in pods:
        starts.append(len(lines) + 1)
        lines.extend(yaml_lines([pod]))
    return "\n".join(lines) + "\n", starts
