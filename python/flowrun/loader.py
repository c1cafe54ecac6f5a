"""Imports the executor class that the parent process names, and wraps it in its adapter."""

import importlib
import importlib.util
import os
import sys

from .jina_adapter import JinaAdapter
from .native_adapter import NativeAdapter
from .typed_adapter import TypedAdapter

_ADAPTERS = (TypedAdapter, NativeAdapter, JinaAdapter)

# True while the modules of an executor are imported; a flow must not be started then.
IMPORTING = False


def create_adapter(start):
    """Creates the executor of the start message, in the adapter for its base class."""
    cls = _load_class(start)
    for adapter in _ADAPTERS:
        if adapter.accepts(cls):
            return adapter(cls, start)
    raise TypeError(f"{cls.__name__} is no executor: it derives neither from flowrun's nor from Jina's `Executor`")


def _load_class(start):
    for directory in start["paths"]:
        if directory not in sys.path:
            # Appended, so that files in the directory cannot shadow modules of the standard library.
            sys.path.append(directory)
    global IMPORTING
    IMPORTING, modules = True, []
    try:
        for module in start["modules"]:
            path = module.get("path")
            modules.append(_import_file(path) if path else importlib.import_module(module["name"]))
    finally:
        IMPORTING = False
    name = start["class"]
    for module in modules:
        found = getattr(module, name, None)
        if isinstance(found, type):
            return found
    defined = sorted(
        cls.__name__
        for module in modules
        for cls in vars(module).values()
        if isinstance(cls, type)
        and any(adapter.accepts(cls) for adapter in _ADAPTERS)
        and cls.__module__ == module.__name__
    )
    searched = ", ".join(module.get("path") or module["name"] for module in start["modules"])
    definitions = f"it defines {', '.join(defined)}" if defined else "it defines no executor"
    raise ImportError(f"{searched} has no class {name!r}; {definitions}")


def _import_file(path):
    """Imports a file under the module name that Jina gives it."""
    name = os.path.splitext(os.path.basename(path))[0]
    if name == "__init__":
        name = "user_module"
    elif name in sys.modules:
        name = f"user_module.{name}"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
