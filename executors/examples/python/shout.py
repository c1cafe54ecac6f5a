"""An unmodified Jina executor. It needs the package `jina`; `flows/plugins/jina.yml` runs it."""

from jina import DocumentArray, Executor, requests


class Shout(Executor):
    def __init__(self, suffix: str = '!', **kwargs):
        super().__init__(**kwargs)
        self.suffix = suffix

    @requests(on=['/index', '/search'])
    def shout(self, docs: DocumentArray, parameters: dict, **kwargs):
        for doc in docs:
            doc.text = doc.text.upper() + self.suffix * int(parameters.get('times', 1))

    @requests(on='/count')
    def count(self, docs: DocumentArray, **kwargs):
        return {'characters': sum(len(doc.text) for doc in docs)}
