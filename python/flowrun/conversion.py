"""Conversion of documents to and from JSON, docarray, pandas, pyarrow and Pillow.

The other libraries are imported when a function needs them.
"""

from __future__ import annotations

import base64
import io
import os
from typing import TYPE_CHECKING, Any, Dict, Iterable, Iterator, List, Optional

from .document import _BY_NAME, Document, DocumentArray, NamedScore, Tensor, numpy
from .errors import MissingPackage

if TYPE_CHECKING:
    import pandas
    import PIL.Image
    import pyarrow

# Spellings of JSON's keys that differ from the names of fields.
_CAMEL = {"mimeType": "mime_type", "parentId": "parent_id"}


# --- JSON ------------------------------------------------------------------------------------------------------------


def to_dict(doc: Document) -> Dict[str, Any]:
    """Converts a document to a dictionary for JSON."""
    values: Dict[str, Any] = {}
    for name in doc.non_empty_fields:
        value = doc.get(name)
        if name == "blob":
            value = base64.b64encode(value).decode()
        elif name in ("tensor", "embedding"):
            value = value.tolist() if hasattr(value, "tolist") else list(value)
        elif name in ("chunks", "matches"):
            value = [to_dict(child) for child in value]
        elif name == "scores":
            value = {key: _score_to_dict(score) for key, score in value.items()}
        values[name] = value
    return values


def _score_to_dict(score: Any) -> Dict[str, Any]:
    if not isinstance(score, NamedScore):
        return {"value": float(score)}
    texts = {name: getattr(score, name) for name in ("op_name", "description", "ref_id")}
    return {"value": score.value, **{name: text for name, text in texts.items() if text}}


def from_dict(values: Dict[str, Any]) -> Document:
    """Creates a document from a dictionary of JSON. Unknown keys become tags."""
    doc = Document()
    for key, value in values.items():
        name = _CAMEL.get(key, key)
        if value is None:
            continue
        if name not in _BY_NAME:
            if name not in ("evaluations", "_metadata"):
                doc.tags[key] = value
        elif name == "blob":
            doc.blob = base64.b64decode(value) if isinstance(value, str) else bytes(value)
        elif name in ("tensor", "embedding"):
            setattr(doc, name, _array(value))
        elif name in ("chunks", "matches"):
            setattr(doc, name, DocumentArray(from_dict(child) for child in value))
        elif name == "scores":
            doc.scores = {
                key: NamedScore(
                    score.get("value") or 0.0,
                    score.get("op_name") or score.get("opName") or "",
                    score.get("description") or "",
                    score.get("ref_id") or score.get("refId") or "",
                )
                for key, score in value.items()
            }
        elif name == "tags":
            doc.tags.update(value)
        else:
            setattr(doc, name, value)
    return doc


def _array(value: Any) -> Any:
    """Converts nested lists to an array; numbers with a fraction to 32 bits, like most encoders."""
    if numpy is None:
        return Tensor.from_floats(value)
    array = numpy.asarray(value)
    return array.astype("float32") if array.dtype == numpy.float64 else array


# --- any object ------------------------------------------------------------------------------------------------------


def is_second_schema(doc: Any) -> bool:
    """Returns whether an object is a document of docarray from 0.30 on."""
    return any(base.__module__.startswith("docarray.") and base.__name__ == "BaseDoc" for base in type(doc).__mro__)


def _is_first_schema(doc: Any) -> bool:
    return any(base.__module__.startswith("docarray.document") and base.__name__ == "Document" for base in type(doc).__mro__)


def _is_batch(item: Any) -> bool:
    """Returns whether an object is a list of documents of docarray."""
    is_docarrays = type(item).__module__.startswith("docarray.") and isinstance(item, Iterable)
    return is_docarrays and not _is_first_schema(item) and not is_second_schema(item)


def from_object(item: Any) -> Document:
    """Converts an input of a client to a document: a document of this package or of docarray, a text, bytes, an array, a picture
    of Pillow, a path, or a dictionary.

    Raises:
        TypeError: The object has another type.
    """
    if isinstance(item, Document):
        return item
    if isinstance(item, str):
        return Document(text=item)
    if isinstance(item, (bytes, bytearray, memoryview)):
        return Document(blob=bytes(item))
    if isinstance(item, dict):
        return from_dict(item)
    if _is_first_schema(item):
        return Document.from_bytes(item.to_protobuf().SerializeToString())
    if is_second_schema(item):
        return _from_second_schema(item)
    if isinstance(item, os.PathLike):
        return Document(uri=os.fspath(item))
    if numpy is not None and isinstance(item, numpy.ndarray):
        return Document(tensor=item)
    if type(item).__module__.startswith("PIL."):
        return Document.from_image(item)
    raise TypeError(
        f"{item!r:.100} is no document: use Document, str, bytes, dict, a path, a numpy array, a picture of Pillow, or a "
        "document of docarray"
    )


def from_objects(items: Any) -> Iterator[Document]:
    """Converts inputs of a client: one item, or any iterable of items, also nested by one level (batches)."""
    if items is None:
        return
    if (
        isinstance(items, (Document, str, bytes, bytearray, dict, os.PathLike))
        or _is_first_schema(items)
        or is_second_schema(items)
    ):
        yield from_object(items)
    elif numpy is not None and isinstance(items, numpy.ndarray):
        yield from map(from_object, items)
    elif type(items).__module__.startswith("pandas.") and hasattr(items, "columns"):
        yield from from_dataframe(items)
    elif type(items).__module__.startswith("pyarrow.") and hasattr(items, "schema"):
        yield from from_arrow(items)
    elif callable(items) and not hasattr(items, "__iter__"):
        yield from from_objects(items())
    elif hasattr(items, "__iter__"):
        for item in items:
            if isinstance(item, Document):
                yield item
            elif isinstance(item, (list, tuple)) or _is_batch(item):
                yield from map(from_object, item)
            else:
                yield from_object(item)
    else:
        yield from_object(items)


# --- docarray --------------------------------------------------------------------------------------------------------


def _from_second_schema(doc: Any) -> Document:
    result = Document(id=str(doc.id) if doc.id is not None else os.urandom(16).hex())
    for name in type(doc).__fields__:
        value = getattr(doc, name, None)
        if name == "id" or value is None:
            continue
        if is_second_schema(value):
            result.chunks.append(_from_second_schema(value))
        elif isinstance(value, Iterable) and not isinstance(value, (str, bytes, dict)) and any(map(is_second_schema, value)):
            target = result.matches if name == "matches" else result.chunks
            target.extend(map(_from_second_schema, value))
        elif name in ("tensor", "embedding"):
            setattr(result, name, numpy.asarray(value))
        elif isinstance(value, bytes):
            result.blob = bytes(value)
        elif name in _BY_NAME and name not in ("scores", "chunks", "matches"):
            result.set(name, str(value) if isinstance(value, str) else value)
        elif name == "url":
            result.uri = str(value)
        elif hasattr(value, "__array__") and not isinstance(value, str):
            result.tags[name] = numpy.asarray(value).tolist()
        else:
            result.tags[name] = str(value) if isinstance(value, str) else value
    return result


def to_docarray(docs: DocumentArray, schema: Any = None) -> Any:
    """Converts documents to a `DocumentArray` of docarray before 0.30, or to a `DocList` of the class `schema`."""
    try:
        import docarray
    except ImportError as error:
        raise MissingPackage("docarray is not installed: `pip install docarray`") from error
    if schema is None:
        if hasattr(docarray, "BaseDoc"):
            raise ValueError(f"docarray {docarray.__version__} needs the class of the documents: `docs.to_docarray(MyDoc)`")
        from docarray.proto.docarray_pb2 import DocumentArrayProto

        return docarray.DocumentArray.from_protobuf(DocumentArrayProto.FromString(docs.to_bytes()))
    return docarray.DocList[schema](_to_second_schema(doc, schema) for doc in docs)


def _to_second_schema(doc: Document, schema: Any) -> Any:
    values: Dict[str, Any] = {}
    for name in schema.__fields__:
        if name in doc.tags:
            values[name] = doc.tags[name]
        elif name in ("text", "blob", "tensor", "embedding", "id", "uri", "weight"):
            value = doc.get(name)
            if value is not None and value != "" if not hasattr(value, "shape") else True:
                values[name] = value
        elif name == "url" and doc.uri:
            values[name] = doc.uri
        elif name == "bytes_" and doc.blob is not None:
            values[name] = doc.blob
        elif name == "tags":
            values[name] = doc.tags
        elif name in ("matches", "chunks") and doc.get(name):
            field = schema.__fields__[name]
            inner = getattr(getattr(field, "annotation", None) or field.outer_type_, "doc_type", None)
            if inner is not None:
                values[name] = [_to_second_schema(child, inner) for child in doc.get(name)]
    return schema(**values)


def second_schema_bytes(docs: List[Any]) -> bytes:
    """Encodes documents of docarray from 0.30 on as a `DocListProto`."""
    from docarray import DocList

    data: bytes = DocList[type(docs[0])](docs).to_protobuf().SerializeToString()
    return data


def second_schema_decoder(schema: Any) -> Any:
    """Returns a function that decodes a `DocListProto` to documents of a class of docarray from 0.30 on."""
    from docarray import DocList
    from docarray.proto import DocListProto

    return lambda data: DocList[schema].from_protobuf(DocListProto.FromString(data))


# --- tables ----------------------------------------------------------------------------------------------------------


def _columns(docs: DocumentArray) -> Dict[str, List[Any]]:
    """Returns the columns of a table with one row per document."""
    rows = []
    for doc in docs:
        row = {name: doc.get(name) for name in doc.non_empty_fields if name not in ("tags", "scores", "chunks", "matches")}
        row.update((f"tags__{name}", value) for name, value in doc.tags.items())
        row.update((f"scores__{name}", doc.get(f"scores__{name}")) for name in doc.scores)
        rows.append(row)
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _from_columns(columns: Dict[str, Any], count: int) -> DocumentArray:
    docs = DocumentArray.empty(count)
    for name, values in columns.items():
        for doc, value in zip(docs, values):
            if value is None or (isinstance(value, float) and value != value):
                continue
            if name in ("tensor", "embedding"):
                doc.set(name, numpy.asarray(value))
            elif name in _BY_NAME or name == "content" or name.startswith("tags__"):
                doc.set(name, value.item() if hasattr(value, "item") and getattr(value, "shape", None) == () else value)
            elif name.startswith("scores__"):
                doc.scores[name[len("scores__") :]] = NamedScore(float(value))
            else:
                doc.tags[name] = value.item() if hasattr(value, "item") else value
    return docs


def to_dataframe(docs: DocumentArray) -> pandas.DataFrame:
    """Converts documents to a `pandas.DataFrame`."""
    try:
        import pandas
    except ImportError as error:
        raise MissingPackage("pandas is not installed: `pip install pandas`") from error
    return pandas.DataFrame(_columns(docs))


def from_dataframe(frame: pandas.DataFrame) -> DocumentArray:
    """Converts the rows of a `pandas.DataFrame`."""
    return _from_columns({str(name): frame[name].tolist() for name in frame.columns}, len(frame))


def to_arrow(docs: DocumentArray) -> pyarrow.Table:
    """Converts documents to a `pyarrow.Table`."""
    try:
        import pyarrow
    except ImportError as error:
        raise MissingPackage("pyarrow is not installed: `pip install pyarrow`") from error
    columns: Dict[str, Any] = {}
    for name, values in _columns(docs).items():
        if name in ("embedding", "tensor") and values and all(value is not None for value in values):
            arrays = [numpy.asarray(value) for value in values]
            if len({array.shape for array in arrays}) == 1 and arrays[0].ndim == 1:
                flat = pyarrow.array(numpy.concatenate(arrays))
                columns[name] = pyarrow.FixedSizeListArray.from_arrays(flat, arrays[0].shape[0])
                continue
        columns[name] = pyarrow.array([value.tolist() if hasattr(value, "tolist") else value for value in values])
    return pyarrow.table(columns)


def from_arrow(table: pyarrow.Table) -> DocumentArray:
    """Converts the rows of a `pyarrow.Table`."""
    columns: Dict[str, Any] = {}
    for name in table.column_names:
        column = table.column(name).combine_chunks()
        if name in ("embedding", "tensor") and hasattr(column.type, "list_size") and column.null_count == 0:
            # A view of the column, without a copy of its numbers.
            columns[name] = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, column.type.list_size)
        else:
            columns[name] = column.to_pylist()
    return _from_columns(columns, table.num_rows)


# --- pictures --------------------------------------------------------------------------------------------------------


def to_image(doc: Document) -> PIL.Image.Image:
    """Returns the picture of a document."""
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingPackage("Pillow is not installed: `pip install pillow`") from error
    if doc.tensor is not None:
        return Image.fromarray(numpy.asarray(doc.tensor))
    if doc.blob is not None:
        return Image.open(io.BytesIO(doc.blob))
    if doc.uri:
        return Image.open(doc._path())
    raise ValueError(f"the document {doc.id!r} has no tensor, blob or uri")


# --- exhaustive search -----------------------------------------------------------------------------------------------


def nearest(queries: DocumentArray, docs: DocumentArray, metric: str, limit: int) -> None:
    """Sets `matches` of each query to the nearest documents."""
    if not queries or not docs:
        for query in queries:
            query.matches = DocumentArray()
        return
    left, right = _vectors(queries), _vectors(docs)
    if metric == "cosine":
        norms = numpy.linalg.norm(left, axis=1)[:, None] * numpy.linalg.norm(right, axis=1)[None, :]
        distances = 1 - left @ right.T / numpy.maximum(norms, numpy.finfo("float32").tiny)
    elif metric in ("euclidean", "sqeuclidean"):
        distances = (left**2).sum(1)[:, None] + (right**2).sum(1)[None, :] - 2 * left @ right.T
        distances = numpy.maximum(distances, 0)
        distances = numpy.sqrt(distances) if metric == "euclidean" else distances
    else:
        raise ValueError(f"unknown metric {metric!r}; use `cosine`, `euclidean` or `sqeuclidean`")
    count = min(limit, len(docs))
    order = numpy.argsort(distances, axis=1, kind="stable")[:, :count]
    for row, query in enumerate(queries):
        matches = DocumentArray()
        for column in order[row]:
            match = docs[int(column)].__copy__()
            match.adjacency = query.adjacency + 1
            match.scores = {**match.scores, metric: NamedScore(float(distances[row, column]), ref_id=query.id)}
            matches.append(match)
        query.matches = matches


def _vectors(docs: DocumentArray) -> Any:
    missing: Optional[Document] = next((doc for doc in docs if doc.embedding is None), None)
    if missing is not None:
        raise ValueError(f"the document {missing.id!r} has no embedding")
    return numpy.asarray(docs.embeddings, dtype="float32").reshape(len(docs), -1)
