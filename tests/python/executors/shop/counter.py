"""A module of the package `shop`."""

from flowrun import Executor, requests

from .text_length import total


class Counter(Executor):
    """Counts characters."""

    @requests
    def count(self, docs, **kwargs):
        return {"characters": total(docs)}
