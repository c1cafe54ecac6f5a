"""An executor in Python: finds the keywords of a text.

The package `flowrun` is part of flowrun and needs no installation. `flows/plugins/python.yml` runs it.
"""

from collections import Counter

from flowrun import Executor, InputError, requests


class Keywords(Executor):
    """Counts the words of indexed texts, and tags the texts of searches with their rarest words.

    `count` is the number of keywords per text, `shortest` the minimum length of a word.
    """

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
                # Fails this document alone.
                self.fail(doc, error)
        return {"words": len(self.known)}

    @requests(on="/search")
    def tag(self, docs, parameters, **kwargs):
        count = int(parameters.get("count", self.count))
        for doc in docs:
            words = dict.fromkeys(self.words(doc))
            doc.tags["keywords"] = sorted(words, key=lambda word: (self.known[word], word))[:count]
