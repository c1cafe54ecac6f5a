"""`python -m flowrun`: what this package is."""

from . import __version__

print(f"flowrun {__version__}: executors in Python. A flow names them by `py_modules`; flowrun runs them.")
