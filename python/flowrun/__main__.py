"""`python -m flowrun` prints the version of the package."""

from . import __version__

print(f"flowrun {__version__}: Python API for executors. Name your module under `py_modules` in a flow and run it with flowrun.")
