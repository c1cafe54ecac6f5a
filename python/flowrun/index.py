"""The vector index without a flow file: numpy arrays in, numpy arrays out.

The index runs in the program `flowrun`, as a flow of one `VectorIndexer` on loopback, so that the interpreter's lock is free
while it works, and several processes may search it.
"""

from __future__ import annotations

import os
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence

from . import wire
from .document import Document, DocumentArray, numpy
from .errors import FlowError
from .flow import Flow
from .service import run_program

# Vectors per request of `add`.
_BATCH = 1000

# Distances of `VectorIndexer`, which are also the names of its scores.
_METRICS = ("cosine", "euclidean", "inner_product")


class Found(NamedTuple):
    """Result of a search.

    Attributes:
        ids: Ids of the nearest vectors, one list per query, the nearest first.
        distances: Their distances, one row per query; `nan` where there are fewer.
        matches: Their documents, one list per query.
    """

    ids: List[List[str]]
    distances: Any
    matches: List[DocumentArray]


def _id_list(ids: Iterable[Any]) -> List[str]:
    """Returns ids as texts; a text is one id, not one for each of its characters."""
    return [ids] if isinstance(ids, str) else [str(id) for id in ids]


class Index:
    """A vector index in a directory.

    Args:
        path: Directory of the index; it is created if it does not exist. A flow whose `VectorIndexer` has the workspace
            `DIRNAME` and the name `BASENAME` uses the same data.
        metric: `cosine`, `euclidean` or `inner_product`.
        read_only: Opens the index for searches only, also while another process writes to it.
        **parameters: Other parameters of `VectorIndexer`: `index`, `memory`, `fsync`, `columns`, … (docs/built-in.md).

    Raises:
        FlowError: The index cannot be opened.

    Example:
        >>> with Index("demo/vectors", metric="euclidean") as index:  # doctest: +SKIP
        ...     index.add(numpy.eye(3, dtype="float32"), ids=["x", "y", "z"], tags=[{"n": 1}, {"n": 2}, {"n": 3}])
        ...     found = index.search(numpy.array([[1, 0.1, 0]]), limit=2, filter={"n": {"$lt": 3}})
        ...     found.ids
        [['x', 'y']]
    """

    def __init__(self, path: Any, metric: str = "cosine", read_only: bool = False, **parameters: Any) -> None:
        if metric not in _METRICS:
            raise ValueError(f"unknown metric {metric!r}; use {', '.join(_METRICS)}")
        self.path, self.metric = os.path.abspath(os.fspath(path)), metric
        workspace, name = os.path.split(self.path)
        if not name:
            raise ValueError(f"{self.path} cannot be the directory of an index: name one in it")
        flow = Flow(name="index", workspace=workspace, prefetch=50)
        self._flow = flow.add(
            name="index",
            uses="VectorIndexer",
            uses_with={"metric": metric, **parameters},
            uses_metas={"name": name},
            read_only=True if read_only else None,
        ).start()

    def add(
        self,
        vectors: Any,
        ids: Optional[Sequence[str]] = None,
        tags: Optional[Sequence[Dict[str, Any]]] = None,
        texts: Optional[Sequence[str]] = None,
    ) -> List[str]:
        """Adds vectors; vectors with an id that exists already replace it.

        Args:
            vectors: Array with one row per vector.
            ids: Ids; default: random ones.
            tags: Tags, which filters may name.
            texts: Texts that are stored with the vectors.

        Returns:
            The ids.

        Raises:
            ValueError: The arguments have different lengths.
            RequestError: The vectors cannot be stored, for example because their number of dimensions differs.
        """
        rows = numpy.ascontiguousarray(numpy.atleast_2d(vectors), dtype="<f4")
        names = [os.urandom(16).hex() for _ in range(len(rows))] if ids is None else _id_list(ids)
        for name, values in (("ids", names), ("tags", tags), ("texts", texts)):
            if values is not None and len(values) != len(rows):
                raise ValueError(f"`{name}` has {len(values)} items for {len(rows)} vectors")
        docs = self._documents(rows, names, tags, texts)
        self._flow.client.post("/index", docs, request_size=_BATCH, on_done=lambda _: None)
        return names

    @staticmethod
    def _documents(rows: Any, names: List[str], tags: Any, texts: Any) -> Iterator[Document]:
        width = rows.shape[1]
        buffer = rows.tobytes()
        size = width * 4
        # The encoding of a tensor: a block of numbers, its shape, the type of its elements, and its class.
        shape = wire.block(2, wire.write_varint(width)) + wire.text_field(3, "<f4")
        start = b"\x0a" + wire.write_varint(size)
        dense_size = len(start) + size + len(shape)
        head = b"\x0a" + wire.write_varint(dense_size) + start
        tail = shape + wire.text_field(3, "numpy")
        field = wire.write_varint(16 << 3 | wire.LENGTH) + wire.write_varint(len(head) + size + len(tail)) + head
        for position, name in enumerate(names):
            data = wire.text_field(1, name)
            if texts is not None and texts[position] is not None:
                data += wire.block(4, texts[position].encode())
            data += field + buffer[position * size : (position + 1) * size] + tail
            if tags is not None and tags[position] is not None:
                data += wire.block(17, wire.write_struct(tags[position]))
            yield Document.from_bytes(data)

    def search(self, vectors: Any, limit: int = 10, filter: Any = None, **parameters: Any) -> Found:
        """Finds the nearest vectors.

        Args:
            vectors: Array with one row per query, or one vector.
            limit: Matches per query.
            filter: Condition on the tags: `{"n": {"$lt": 3}}` or `"n < 3"` (docs/index.md).
            **parameters: Other parameters of a search: `n_probe`, `ef_search`, `rerank`, `max_distance`.

        Raises:
            RequestError: The filter is invalid, or the number of dimensions differs.
        """
        rows = numpy.ascontiguousarray(numpy.atleast_2d(vectors), dtype="<f4")
        names = [str(number) for number in range(len(rows))]
        options = {"limit": limit, **({} if filter is None else {"filter": filter}), **parameters}
        docs = self._flow.post("/search", self._documents(rows, names, None, None), parameters=options)
        matches = [doc.matches for doc in docs]
        distances = numpy.full((len(rows), max(map(len, matches), default=0)), numpy.nan, dtype="float32")
        for row, found in enumerate(matches):
            distances[row, : len(found)] = [match.scores[self.metric].value for match in found]
        return Found([[match.id for match in found] for found in matches], distances, matches)

    def get(self, ids: Iterable[str]) -> DocumentArray:
        """Returns the documents with these ids, without those that do not exist."""
        found = self._flow.post("/get", [Document(id=id) for id in _id_list(ids)])
        return DocumentArray(doc for doc in found if doc.embedding is not None)

    def delete(self, ids: Optional[Iterable[str]] = None, filter: Any = None) -> None:
        """Deletes vectors by id or by a filter.

        Raises:
            ValueError: Neither or both are given.
        """
        if (ids is None) == (filter is None):
            raise ValueError("pass either `ids` or `filter`")
        self._flow.post("/delete", parameters={"filter": filter} if ids is None else {"ids": _id_list(ids)})

    def count(self, filter: Any = None) -> int:
        """Returns the number of vectors, or of those that match a filter."""
        responses = self._flow.post("/count", parameters={} if filter is None else {"filter": filter}, return_responses=True)
        return sum(int(result.get("count", 0)) for response in responses for result in response.results.values())

    def __len__(self) -> int:
        return self.count()

    def snapshot(self, path: Any) -> None:
        """Copies the index to a directory, while it is in use. `Index(path)` opens the copy.

        Args:
            path: Directory that does not exist yet.

        Raises:
            FlowError: The copy failed.
        """
        status, _, errors = run_program("index", "snapshot", self.path, os.path.abspath(os.fspath(path)))
        if status != 0:
            raise FlowError(errors.strip() or f"`flowrun index snapshot` ended with exit code {status}")

    def status(self) -> Dict[str, Any]:
        """Returns the state of the index: documents, tombstones, memory, …"""
        docs = self._flow.post("/status", return_responses=True)
        for response in docs:
            for result in response.results.values():
                return dict(result)
            for doc in response.docs:
                return dict(doc.tags)
        return {}

    def close(self) -> None:
        """Closes the index."""
        self._flow.close()

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Index({self.path!r}, metric={self.metric!r})"
