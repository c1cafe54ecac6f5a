"""Passes classes of this process to the Python processes that run executors.

A class at the top level of a module that can be imported is named by its module. A class of a script, of a notebook or inside a
function is copied: its source, and the source or the value of every name that it uses, are written to a module.
"""

from __future__ import annotations
import __future__

import ast
import base64
import builtins
import inspect
import linecache
import os
import pickle
import symtable
import sys
import textwrap
import types
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Set

_PREAMBLE = '''"""Executors of a flow, copied from the process that starts it."""

import base64
import linecache
import pickle


def _define(file, line, source, flags):
    # The lines keep their numbers, so that tracebacks name the original file.
    if file not in linecache.cache:
        lines = [text + "\\n" for text in source.split("\\n")]
        linecache.cache[file] = (len(source), None, ["\\n"] * (line - 1) + lines, file)
    code = compile("\\n" * (line - 1) + source, file, "exec", flags=flags, dont_inherit=True)
    exec(code, globals())


def _value(text):
    return pickle.loads(base64.b64decode(text))

'''

# `from __future__ import annotations` of the module of a class.
_FUTURE_ANNOTATIONS = __future__.annotations.compiler_flag


class ClassSourceError(TypeError):
    """A class that cannot be passed to another process."""


class _Piece(NamedTuple):
    """Source of a class or a function, and the import statements of the functions around it, by the name that they bind."""

    file: str
    line: int
    source: str
    imports: Dict[str, str]


def importable_module(cls: type) -> Optional[str]:
    """Returns the module from which another process can import a class; `None` if there is none."""
    name = cls.__module__
    if name in ("__main__", "__mp_main__", "builtins") or "." in cls.__qualname__:
        return None
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    spec = getattr(module, "__spec__", None)
    if not file or not file.endswith(".py") or spec is None or getattr(module, cls.__name__, None) is not cls:
        return None
    return name


def module_file(name: str) -> str:
    """Returns the module as `py_modules` names it: the file of a top-level module, which is checked before the start, or the
    name of a module in a package."""
    if "." in name or hasattr(sys.modules[name], "__path__"):
        return name
    return os.path.abspath(str(sys.modules[name].__file__))


def search_path() -> List[str]:
    """Returns the directories of `sys.path` that a new interpreter does not have: those of scripts and projects."""
    library = os.path.dirname(os.__file__)
    found = []
    for entry in sys.path:
        directory = os.path.abspath(entry or os.curdir)
        is_library = directory.startswith(library) or directory.endswith(("site-packages", "dist-packages"))
        if os.path.isdir(directory) and not is_library and not directory.endswith(".zip"):
            found.append(directory)
    return list(dict.fromkeys(found))


class ClassCopier:
    """Collects classes with everything that they use, as the text of a module."""

    def __init__(self) -> None:
        self._definitions: List[str] = []
        self._done: Dict[str, Any] = {}
        # In the order in which they were found.
        self._files: Dict[str, None] = {}

    def add(self, cls: type) -> None:
        """Adds a class.

        Raises:
            ClassSourceError: Its source is not available, or it uses a value that cannot be copied.
        """
        self._define(cls.__name__, cls, cls.__name__)

    def text(self) -> str:
        """Returns the text of the module."""
        return _PREAMBLE + "\n".join(self._definitions) + "\n"

    def _define(self, name: str, value: Any, user: str) -> None:
        if name in self._done:
            if self._done[name] is not value and not _equal(self._done[name], value):
                raise ClassSourceError(
                    f"`{name}`, which `{user}` uses, has another value in another class of the flow; rename one of them, or "
                    "define the classes in modules"
                )
            return
        self._done[name] = value
        if isinstance(value, types.ModuleType):
            self._definitions.append(
                f"import {value.__name__}" if value.__name__ == name else _import_as(value.__name__, name)
            )
        elif isinstance(value, (type, types.FunctionType)) and _is_importable(value):
            self._definitions.append(f"from {value.__module__} import {value.__qualname__} as {name}")
        elif isinstance(value, (type, types.FunctionType)):
            self._copy(name, value)
        else:
            self._definitions.append(f"{name} = _value({_pickled(name, value, user)!r})")

    def _copy(self, name: str, value: Any) -> None:
        if name != value.__name__ and value.__name__ != "<lambda>":
            self._define(value.__name__, value, name)
            self._definitions.append(f"{name} = {value.__name__}")
            return
        piece = _source(value, self._files)
        self._files[piece.file] = None
        code = value.__code__ if isinstance(value, types.FunctionType) else _any_code(value)
        flags = (code.co_flags if code is not None else 0) & _FUTURE_ANNOTATIONS
        scope = _Scope(value)
        for used in sorted(_global_names(piece.source)):
            if used == name:
                continue
            if scope.has(used):
                self._define(used, scope.get(used), value.__name__)
            elif used in piece.imports and used not in self._done:
                # Of a function that has returned, so that its variables do not exist any more.
                self._done[used] = piece.imports[used]
                self._definitions.append(piece.imports[used])
        source = piece.source if value.__name__ != "<lambda>" else f"{name} = {piece.source}"
        self._definitions.append(f"_define({piece.file!r}, {piece.line}, {source!r}, {flags})")


def _equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except Exception:
        return False


def _import_as(module: str, name: str) -> str:
    return f"import {module} as {name}"


def _is_importable(value: Any) -> bool:
    module = sys.modules.get(getattr(value, "__module__", None) or "")
    if module is None or module.__name__ in ("__main__", "__mp_main__") or "." in value.__qualname__:
        return False
    has_file = getattr(module, "__spec__", None) is not None
    return has_file and getattr(module, value.__qualname__, None) is value


def _pickled(name: str, value: Any, user: str) -> str:
    advice = f"create it in the constructor, or define `{user}` in a module of its own"
    try:
        data = pickle.dumps(value, protocol=4)
    except Exception as error:
        raise ClassSourceError(f"`{user}` uses `{name}`, which cannot be copied ({error}); {advice}") from error
    if b"__main__" in data:
        raise ClassSourceError(
            f"`{user}` uses `{name}`, an object of a class of this script, which cannot be copied; {advice}"
        )
    return base64.b64encode(data).decode()


class _Scope:
    """Values of the names that a class or a function uses: of its closure, its module, and the running functions around it."""

    def __init__(self, value: Any) -> None:
        self._names: Dict[str, Any] = {}
        functions = [value] if isinstance(value, types.FunctionType) else list(_functions(value))
        module = sys.modules.get(value.__module__)
        if "<locals>" in value.__qualname__:
            frame: Optional[types.FrameType] = sys._getframe()
            frames = []
            while frame is not None:
                if f"{frame.f_code.co_name}.<locals>" in value.__qualname__:
                    frames.append(frame.f_locals)
                frame = frame.f_back
            for names in reversed(frames):
                self._names.update(names)
        self._globals = functions[0].__globals__ if functions else vars(module) if module else {}
        for function in functions:
            for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
                try:
                    self._names[name] = cell.cell_contents
                except ValueError:
                    # A name that is not assigned yet.
                    pass
        for base in getattr(value, "__bases__", ()):
            self._names.setdefault(base.__name__, base)

    def has(self, name: str) -> bool:
        if name in ("__class__", "__name__"):
            return False
        if name in self._names:
            return True
        return name in self._globals and not (name in vars(builtins) and self._globals[name] is vars(builtins)[name])

    def get(self, name: str) -> Any:
        return self._names[name] if name in self._names else self._globals[name]


def _functions(cls: type) -> List[types.FunctionType]:
    """Returns the functions in the body of a class, without decorators and without those that have no source."""
    found = []
    for member in vars(cls).values():
        for candidate in (member, getattr(member, "fget", None), getattr(member, "__func__", None)):
            function = inspect.unwrap(candidate) if callable(candidate) and hasattr(candidate, "__wrapped__") else candidate
            if not isinstance(function, types.FunctionType) or not function.__qualname__.startswith(f"{cls.__qualname__}."):
                continue
            if not _is_generated(function):
                found.append(function)
    return found


def _is_generated(function: types.FunctionType) -> bool:
    """Returns whether a decorator or a base class has written a function, such as `__init__` of a data class."""
    name = function.__name__
    return name.startswith("__") and name.endswith("__") and not linecache.getlines(function.__code__.co_filename)


def _any_code(cls: type) -> Optional[types.CodeType]:
    functions = _functions(cls)
    return functions[0].__code__ if functions else None


def _source(value: Any, files: Iterable[str]) -> _Piece:
    """Finds the source of a class or a function; `files` may contain classes that have no functions.

    Raises:
        ClassSourceError: It is not available.
    """
    code = value.__code__ if isinstance(value, types.FunctionType) else _any_code(value)
    if code is None:
        return _source_of_plain_class(value, files)
    lines = linecache.getlines(code.co_filename)
    try:
        tree = ast.parse("".join(lines))
    except SyntaxError as error:
        raise _unavailable(value) from error
    node = _find(tree, value, code.co_firstlineno)
    if node is None:
        raise _unavailable(value)
    if isinstance(node, ast.Lambda):
        text = ast.get_source_segment("".join(lines), node)
        return _Piece(code.co_filename, node.lineno, text or "", {})
    return _piece(code.co_filename, tree, node)


def _piece(file: str, tree: ast.AST, node: Any) -> _Piece:
    """Returns the lines of a definition, with its decorators, which `inspect` leaves out before Python 3.9."""
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    source = textwrap.dedent("".join(linecache.getlines(file)[first - 1 : node.end_lineno]))
    return _Piece(file, first, source, _imports_around(tree, node))


def _imports_around(tree: ast.AST, node: Any) -> Dict[str, str]:
    """Returns the absolute import statements of the functions around a definition, by the name that they bind."""
    found: Dict[str, str] = {}
    for function in ast.walk(tree):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) or function is node:
            continue
        if not function.lineno <= node.lineno <= (function.end_lineno or 0):
            continue
        for statement in ast.walk(function):
            if isinstance(statement, ast.Import):
                for name in statement.names:
                    text = f"import {name.name}" + (f" as {name.asname}" if name.asname else "")
                    found[name.asname or name.name.partition(".")[0]] = text
            elif isinstance(statement, ast.ImportFrom) and statement.level == 0:
                for name in statement.names:
                    found[name.asname or name.name] = f"from {statement.module} import {name.name} as {name.asname or name.name}"
    return found


def _source_of_plain_class(cls: type, files: Iterable[str]) -> _Piece:
    """Finds the source of a class without functions, whose file is unknown."""
    try:
        _, line = inspect.getsourcelines(cls)
        file = inspect.getsourcefile(cls) or "<unknown>"
        tree = ast.parse("".join(linecache.getlines(file)))
        node = _find(tree, cls, line)
        if node is not None:
            return _piece(file, tree, node)
    except (OSError, SyntaxError, TypeError):
        pass
    # Cells of a notebook are files in the cache only.
    cells = [file for file in linecache.cache if file.startswith("<") or "ipykernel" in file]
    for file in [*reversed(list(files)), *reversed(cells)]:
        text = "".join(linecache.getlines(file))
        try:
            found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef) and node.name == cls.__name__]
        except SyntaxError:
            continue
        if found:
            first = min([found[-1].lineno, *(decorator.lineno for decorator in found[-1].decorator_list)])
            return _Piece(file, first, textwrap.dedent("\n".join(text.split("\n")[first - 1 : found[-1].end_lineno])), {})
    raise _unavailable(cls)


def _unavailable(value: Any) -> ClassSourceError:
    return ClassSourceError(
        f"the source of `{value.__qualname__}` is not available: define it in a file or in a cell of a notebook"
    )


def _find(tree: ast.AST, value: Any, line: int) -> Any:
    """Returns the innermost definition of the name of a class or a function that contains a line."""
    found = None
    for node in ast.walk(tree):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            matches = node.name == value.__name__ and isinstance(node, ast.ClassDef) == isinstance(value, type)
            start = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        elif isinstance(node, ast.Lambda):
            matches, start = value.__name__ == "<lambda>", node.lineno
        else:
            continue
        if matches and start <= line <= (node.end_lineno or start) and (found is None or start >= found.lineno):
            found = node
    return found


def _global_names(source: str) -> Set[str]:
    """Returns the names that a definition reads from outside."""
    names: Set[str] = set()

    def visit(table: symtable.SymbolTable) -> None:
        for symbol in table.get_symbols():
            is_outside = (
                symbol.is_global() or symbol.is_free() or (table.get_type() == "module" and not symbol.is_assigned())
            )
            if symbol.is_referenced() and is_outside:
                names.add(symbol.get_name())
        for child in table.get_children():
            visit(child)

    visit(symtable.symtable(source, "<class>", "exec"))
    return names
