"""Helper module, imported by the executor."""


def total(docs):
    """Returns the number of characters of all texts."""
    return sum(len(doc.text or "") for doc in docs)
