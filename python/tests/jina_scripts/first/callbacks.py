"""`on_done`, `on_error` and `on_always`."""
from jina import Document, Executor, Flow, requests

done, errors, always = [], [], []


class Fragile(Executor):
    @requests(on="/ok")
    def ok(self, docs, **kwargs):
        pass

    @requests(on="/bad")
    def bad(self, docs, **kwargs):
        raise NotImplementedError("not today")


def on_done(response):
    done.append(len(response.docs))


def on_error(response):
    errors.append(response.header.status.description)


with Flow().add(uses=Fragile) as f:
    f.post("/ok", [Document() for _ in range(10)], request_size=4, on_done=on_done, on_always=lambda r: always.append(r))
    f.post("/bad", Document(), on_error=on_error, on_always=lambda r: always.append(r))
assert sorted(done) == [2, 4, 4] and len(errors) == 1 and "not today" in errors[0] and len(always) == 4
