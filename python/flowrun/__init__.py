"""Executors for flowrun, in Python: the standard library is all they need, numpy is welcome.

    from flowrun import Executor, requests

    class Shout(Executor):
        @requests(on="/index")
        def shout(self, docs, **kwargs):
            for doc in docs:
                doc.text = doc.text.upper()

A flow names it: `uses: {jtype: Shout, metas: {py_modules: [shout.py]}}`. Nothing has to be installed: flowrun brings this
package along.
"""

from .document import Document, DocumentArray, NamedScore, Tensor
from .errors import InputError, InternalError, ParameterError, ResourceError
from .executor import Executor, dynamic_batching, requests

__all__ = [
    "Document",
    "DocumentArray",
    "Executor",
    "InputError",
    "InternalError",
    "NamedScore",
    "ParameterError",
    "ResourceError",
    "Tensor",
    "dynamic_batching",
    "requests",
]

__version__ = "0.1.0"
