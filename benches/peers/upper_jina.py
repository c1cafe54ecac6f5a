"""The executor of the comparison, as a user of Jina writes it: flowrun and Jina run this very file."""

from jina import DocumentArray, Executor, requests


class Upper(Executor):
    """Writes texts in capitals."""

    @requests
    def upper(self, docs: DocumentArray, **kwargs):
        for doc in docs:
            doc.text = (doc.text or "").upper()
            doc.tags["length"] = len(doc.text)
