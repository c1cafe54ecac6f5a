"""Finds settings of an executor that can have no effect."""

import ast
import difflib
import inspect
import textwrap


def unused_settings(cls, base, arguments, endpoints):
    """Returns a sentence for each setting without effect. `base` is the framework's class, whose constructor ignores
    unknown arguments; `endpoints` are the names of the bound methods by endpoint."""
    return [
        *_unused_arguments(cls, base, arguments),
        *_unused_methods(cls, base, endpoints),
    ]


def _unused_arguments(cls, base, arguments):
    known, ignores_others = _constructor_parameters(cls, base)
    for name in arguments if ignores_others else ():
        if name not in known:
            similar = difflib.get_close_matches(name, known, 1)
            help = f"; did you mean `{similar[0]}`?" if similar else ""
            yield f"the constructor of {cls.__name__} has no parameter `{name}`; it has no effect{help}"


def _constructor_parameters(cls, base):
    """Returns the names of the parameters of the class's constructors, and whether other arguments have no effect."""
    known = set()
    for member in cls.__mro__:
        function = member.__init__ if member is base else vars(member).get("__init__")
        if function is None:
            continue
        try:
            parameters = inspect.signature(function).parameters
        except (TypeError, ValueError):
            return known, False
        known.update(parameters)
        if member is base:
            # The framework's constructor.
            return known, True
        keywords = [name for name, found in parameters.items() if found.kind is found.VAR_KEYWORD]
        # Without `**kwargs` an unknown argument is an error.
        if not keywords or _reads(function, keywords[0]):
            return known, False
    return known, False


def _reads(function, keywords):
    """Returns whether a constructor uses `**keywords` for anything but passing it to the constructor of its base class; true
    if there is no source code."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError, TypeError):
        return True
    passed = {
        id(keyword.value)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "__init__"
        for keyword in call.keywords
        if keyword.arg is None
    }
    return any(isinstance(node, ast.Name) and node.id == keywords and id(node) not in passed for node in ast.walk(tree))


def _unused_methods(cls, base, endpoints):
    if not endpoints:
        yield f"{cls.__name__} binds no method to an endpoint: documents pass through it unchanged"
    for member in cls.__mro__:
        if member is base:
            break
        methods = {}
        for name, function in vars(member).items():
            if hasattr(function, "__flowrun_batching__") and name not in endpoints.values():
                yield f"the method `{name}` of {member.__name__} has `@dynamic_batching`, but is bound to no endpoint"
            for endpoint in getattr(function, "__flowrun_on__", ()):
                if endpoint in methods:
                    yield (
                        f"the method `{methods[endpoint]}` of {member.__name__} never handles {endpoint}, which is also "
                        f"bound to `{name}`"
                    )
                methods[endpoint] = name
