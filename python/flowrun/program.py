"""Finds the program `flowrun`, and runs it: `python -m flowrun ARGUMENTS`."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from typing import Iterator, NoReturn, Sequence

# Environment variable with the path of the program.
VARIABLE = "FLOWRUN_BINARY"

_NAME = "flowrun"


def _candidates() -> Iterator[str]:
    yield os.path.join(sysconfig.get_path("scripts"), _NAME)
    # A virtual environment whose interpreter is used by its path.
    yield os.path.join(os.path.dirname(sys.executable), _NAME)
    try:
        yield os.path.join(sysconfig.get_path("scripts", f"{os.name}_user"), _NAME)
    except KeyError:
        pass
    # `pip install --target DIRECTORY`
    yield os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bin", _NAME)


def find_program() -> str:
    """Returns the path of the program: `$FLOWRUN_BINARY`, that of the installed wheel, or the one on the search path.

    Raises:
        FileNotFoundError: There is none.

    Example:
        >>> find_program()  # doctest: +SKIP
        '/home/me/venv/bin/flowrun'
    """
    chosen = os.environ.get(VARIABLE)
    if chosen:
        if not os.access(chosen, os.X_OK):
            raise FileNotFoundError(f"{VARIABLE} names `{chosen}`, which is no program")
        return chosen
    for path in _candidates():
        if os.access(path, os.X_OK):
            return path
    found = shutil.which(_NAME)
    if found:
        return found
    raise FileNotFoundError(
        "the program `flowrun` is not installed: install the wheel flowrun-runtime (`make wheel`, then `pip install "
        f"dist/flowrun_runtime-*.whl`), or set {VARIABLE} to its path"
    )


def main(arguments: Sequence[str]) -> NoReturn:
    """Replaces this process by the program."""
    try:
        program = find_program()
    except FileNotFoundError as error:
        raise SystemExit(f"error: {error}") from None
    os.execv(program, [program, *arguments])
