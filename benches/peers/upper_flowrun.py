"""The executor of the comparison, with the package that flowrun brings along."""

from flowrun import DocumentArray, Executor, requests


class Upper(Executor):
    """Writes texts in capitals."""

    @requests
    def upper(self, docs: DocumentArray, **kwargs):
        for doc in docs:
            doc.text = (doc.text or "").upper()
            doc.tags["length"] = len(doc.text)
