from flowrun import Executor, requests


class Shout(Executor):
    @requests
    def shout(self, docs, **kwargs):
        docs.texts = [text.upper() for text in docs.texts]


raise AssertionError("a check runs nothing")
