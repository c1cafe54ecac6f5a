"""An executor in Python: finds the words that stand out in a text.

The package `flowrun` comes along with flowrun; nothing has to be installed. `flows/plugins/python.yml` runs it.
"""

from collections import Counter

from flowrun import Executor, InputError, requests


class Keywords(Executor):
    """Counts the words of what it is given to learn from, and tags texts with the rarest of theirs."""

    def __init__(self, count=3, shortest=4, **kwargs):
        super().__init__(**kwargs)
        self.count, self.shortest = count, shortest
        self.known = Counter()

    def words(self, doc):
        if not doc.text:
            raise InputError(f"document {doc.id} has no text")
        letters = "".join(letter if letter.isalnum() else " " for letter in doc.text.lower())
        return [word for word in letters.split() if len(word) >= self.shortest]

    @requests(on="/index")
    def learn(self, docs, **kwargs):
        for doc in docs:
            try:
                self.known.update(set(self.words(doc)))
            except InputError as error:
                # This document fails; the others go on.
                self.fail(doc, error)
        return {"words": len(self.known)}

    @requests(on="/search")
    def tag(self, docs, parameters, **kwargs):
        count = int(parameters.get("count", self.count))
        for doc in docs:
            words = dict.fromkeys(self.words(doc))
            doc.tags["keywords"] = sorted(words, key=lambda word: (self.known[word], word))[:count]
