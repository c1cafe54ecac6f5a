"""The executor of the comparison, derived from flowrun's `Executor`."""

from flowrun import DocumentArray, Executor, requests


class Upper(Executor):
    """Converts texts to upper case."""

    @requests
    def upper(self, docs: DocumentArray, **kwargs):
        for doc in docs:
            doc.text = (doc.text or "").upper()
            doc.tags["length"] = len(doc.text)
