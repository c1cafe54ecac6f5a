"""Documents are converted from and to other libraries without loss."""

import io
import unittest

from flowrun import Document, DocumentArray, NamedScore
from flowrun import document as module

numpy = module.numpy


def optional(name):
    try:
        return __import__(name)
    except ImportError:
        return None


docarray, pandas, pyarrow, PIL = map(optional, ("docarray", "pandas", "pyarrow", "PIL"))
is_first = docarray is not None and not hasattr(docarray, "BaseDoc")
is_second = docarray is not None and hasattr(docarray, "BaseDoc")


def sample():
    doc = Document(id="a", text="t", uri="u.png", tags={"price": 3, "of": {"x": [1, None]}}, weight=0.5, location=[1.0, 2.0])
    doc.scores = {"cosine": NamedScore(0.25, "op")}
    doc.chunks = [Document(id="c", blob=b"\x00")]
    doc.matches = [Document(id="m", text="match")]
    return doc


class DictionaryTest(unittest.TestCase):
    def test_json_keeps_every_field(self):
        doc = sample()
        again = Document.from_dict(doc.to_dict())
        self.assertEqual(again.to_dict(), doc.to_dict())
        self.assertEqual((again.chunks[0].blob, again.scores["cosine"].value), (b"\x00", 0.25))

    def test_unknown_keys_become_tags(self):
        doc = Document.from_dict({"text": "t", "colour": "red", "mimeType": "text/plain", "blob": None})
        self.assertEqual((doc.tags, doc.mime_type, doc.blob), ({"colour": "red"}, "text/plain", None))


class ListTest(unittest.TestCase):
    def test_fields_of_several_documents_are_selected(self):
        docs = DocumentArray(Document(id=str(number), text="a" * number, tags={"n": number}) for number in range(3))
        self.assertEqual(docs[:, "text"], ["", "a", "aa"])
        self.assertEqual(docs[1:, ("id", "tags__n")], [["1", "2"], [1, 2]])
        self.assertEqual((docs["1"].text, docs[[0, 2]].texts, docs[["0", "1"], "id"]), ("a", ["", "aa"], ["0", "1"]))
        self.assertEqual(docs[[True, False, True], "id"], ["0", "2"])
        docs[:, "tags__m"] = [5, 6, 7]
        self.assertEqual([doc.tags["m"] for doc in docs], [5, 6, 7])
        del docs["0"]
        self.assertEqual(docs[:, "id"], ["1", "2"])
        self.assertIn("1", docs)
        with self.assertRaises(KeyError):
            docs["0"]

    def test_chunks_and_matches_are_selected_by_paths(self):
        docs = DocumentArray([sample(), sample()])
        self.assertEqual(docs["@c,m"][:, "id"], ["c", "c", "m", "m"])
        self.assertEqual(docs[..., "id"], ["c", "m", "a", "c", "m", "a"])

    @unittest.skipIf(numpy is None, "numpy is not installed")
    def test_the_nearest_documents_are_matches(self):
        docs = DocumentArray(Document(id=str(number), embedding=[float(number), 1.0]) for number in range(5))
        for metric, expected in (("cosine", ["4", "3"]), ("euclidean", ["4", "3"]), ("sqeuclidean", ["4", "3"])):
            query = DocumentArray(Document(embedding=[9.0, 1.0]))
            query.match(docs, metric=metric, limit=2)
            self.assertEqual(query["@m"][:, "id"], expected)
        self.assertEqual(query[0].matches[0].scores["sqeuclidean"].value, 25.0)

    def test_documents_are_copied_and_pickled(self):
        import copy
        import pickle

        doc = sample()
        for again in (copy.copy(doc), copy.deepcopy(doc), pickle.loads(pickle.dumps(doc))):
            self.assertEqual(again, doc)
            again.text = "other"
        self.assertEqual(doc.text, "t")
        self.assertEqual(pickle.loads(pickle.dumps(DocumentArray(doc))), [doc])


@unittest.skipIf(numpy is None, "numpy is not installed")
class TableTest(unittest.TestCase):
    def docs(self):
        docs = DocumentArray([Document(id="a", text="t", tags={"n": 1}), Document(id="b", text="u", tags={"n": 2})])
        docs.embeddings = numpy.arange(6, dtype="float32").reshape(2, 3)
        return docs

    def check(self, docs):
        self.assertEqual((docs[:, "id"], docs.texts, docs[:, "tags__n"]), (["a", "b"], ["t", "u"], [1, 2]))
        self.assertEqual(docs.embeddings.tolist(), [[0, 1, 2], [3, 4, 5]])

    @unittest.skipIf(pandas is None, "pandas is not installed")
    def test_a_dataframe_has_a_row_for_each_document(self):
        frame = self.docs().to_dataframe()
        self.assertEqual(list(frame["tags__n"]), [1, 2])
        self.check(DocumentArray.from_dataframe(frame))
        other = DocumentArray.from_dataframe(pandas.DataFrame({"text": ["x", None], "price": [1.5, float("nan")]}))
        self.assertEqual((other[0].tags, other[1].tags, other[0].text), ({"price": 1.5}, {}, "x"))

    @unittest.skipIf(pyarrow is None, "pyarrow is not installed")
    def test_an_arrow_table_has_vectors_of_fixed_size(self):
        table = self.docs().to_arrow()
        self.assertEqual(str(table.schema.field("embedding").type), "fixed_size_list<item: float>[3]")
        self.check(DocumentArray.from_arrow(table))


@unittest.skipIf(PIL is None or numpy is None, "Pillow is not installed")
class PictureTest(unittest.TestCase):
    def test_pictures_are_read_from_tensors_and_blobs(self):
        from PIL import Image

        image = Image.new("RGB", (3, 2), (1, 2, 3))
        self.assertEqual(Document.from_image(image).to_image().tobytes(), image.tobytes())
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        self.assertEqual(Document(blob=buffer.getvalue()).to_image().size, (3, 2))
        with self.assertRaisesRegex(ValueError, "no tensor, blob or uri"):
            Document().to_image()


@unittest.skipUnless(is_first, "docarray before 0.30 is not installed")
class FirstSchemaTest(unittest.TestCase):
    def test_documents_of_docarray_keep_their_fields(self):
        theirs = docarray.Document(
            text="t", tags={"n": 1.0}, embedding=numpy.ones(2), chunks=[docarray.Document(text="c")], uri="u", weight=0.5
        )
        match = docarray.Document(text="m")
        match.scores["cosine"].value = 0.5
        theirs.matches.append(match)
        ours = Document.from_docarray(theirs)
        self.assertEqual((ours.text, ours.tags, ours.chunks.texts, ours.matches.texts), ("t", {"n": 1}, ["c"], ["m"]))
        again = ours.to_docarray()
        self.assertEqual((again.id, again.tags, again.matches[0].scores["cosine"].value), (theirs.id, {"n": 1.0}, 0.5))
        self.assertEqual(DocumentArray.from_docarray(docarray.DocumentArray([theirs, theirs])).texts, ["t", "t"])


@unittest.skipUnless(is_second, "docarray from 0.30 on is not installed")
class SecondSchemaTest(unittest.TestCase):
    def test_documents_of_docarray_keep_their_fields(self):
        from typing import Optional

        from docarray.typing import NdArray

        class Mine(docarray.BaseDoc):
            text: str
            price: int = 0
            embedding: Optional[NdArray] = None

        theirs = Mine(text="t", price=3, embedding=numpy.ones(2))
        ours = Document.from_docarray(theirs)
        self.assertEqual((ours.id, ours.text, ours.tags), (theirs.id, "t", {"price": 3}))
        again = ours.to_docarray(Mine)
        self.assertEqual((again.id, again.text, again.price, again.embedding.tolist()), (theirs.id, "t", 3, [1.0, 1.0]))
        self.assertEqual(DocumentArray.from_docarray(docarray.DocList[Mine]([theirs])).texts, ["t"])


if __name__ == "__main__":
    unittest.main()
