"""Documents are decoded and encoded without loss, with numpy and without."""

import datetime
import random
import unittest

from flowrun import Document, DocumentArray, NamedScore, Tensor, wire
from flowrun import document as module


def random_document(draw, depth=2):
    """Returns a document with random fields."""
    text = lambda: "".join(draw.choice("aß語🌷 \n\"") for _ in range(draw.randrange(6)))
    value = lambda left: draw.choice(
        [None, True, False, draw.randrange(-1000, 1000), draw.random(), text()]
        + ([[value(left - 1)], {text(): value(left - 1)}] if left else [])
    )
    doc = Document(id=text(), uri=text(), mime_type=text(), modality=text(), parent_id=text())
    doc.granularity, doc.adjacency = draw.randrange(3), draw.randrange(300)
    doc.weight = draw.choice([None, 0.0, 0.5])
    doc.offset = draw.choice([None, 2.0])
    doc.text = draw.choice([None, "", text()])
    doc.blob = draw.choice([None, b"", bytes(draw.randrange(256) for _ in range(9))])
    doc.location = [draw.randrange(8) / 4 for _ in range(draw.randrange(4))]
    doc.tags = {text(): value(3) for _ in range(draw.randrange(4))}
    doc.scores = {text(): NamedScore(draw.randrange(16) / 8, text(), text(), text()) for _ in range(draw.randrange(3))}
    doc.embedding = draw.choice([None, Tensor.from_floats([1.5, -2.0])])
    doc.tensor = draw.choice([None, Tensor(bytes(range(6)), (3, 2), "|u1"), Tensor(b"", (0, 3), "<f4")])
    if depth:
        doc.chunks = DocumentArray(random_document(draw, depth - 1) for _ in range(draw.randrange(3)))
        doc.matches = DocumentArray(random_document(draw, depth - 1) for _ in range(draw.randrange(3)))
    return doc


class EncodingTest(unittest.TestCase):
    def test_every_field_survives_encoding_and_decoding(self):
        draw = random.Random(7)
        for _ in range(200):
            doc = random_document(draw)
            data = doc.to_bytes()
            again = Document.from_bytes(data)
            self.assertEqual(again.to_bytes(), data)
            for name in module._NAMES - {"tensor", "embedding"}:
                self.assertEqual(getattr(again, name), getattr(doc, name), name)
            # All fields have been accessed, so all are encoded again.
            self.assertEqual(again.to_bytes(), data)

    def test_unknown_fields_are_preserved(self):
        data = Document(id="a").to_bytes() + wire.block(99, b"later")
        doc = Document.from_bytes(data)
        doc.text = "t"
        self.assertIn(wire.block(99, b"later"), doc.to_bytes())

    def test_invalid_messages_are_rejected(self):
        for data in (b"\x0a", b"\x0a\x05abc", b"\xff" * 11, b"\x0f\x00", b"\x45\x00"):
            with self.assertRaises(wire.WireError):
                Document.from_bytes(data).id

    def test_nesting_of_values_is_limited(self):
        deep = wire.block(1, b"")
        for _ in range(300):
            deep = wire.block(1, wire.block(1, b"a") + wire.block(2, wire.block(5, deep)))
        with self.assertRaises(wire.WireError):
            wire.read_struct(deep)


class TextTest(unittest.TestCase):
    def test_a_text_that_is_set_replaces_the_encoded_one(self):
        for first in (Document(id="a", text="x"), Document(id="a"), Document(id="a" * 200, text="x"), Document(id="a", uri="u")):
            for text in ("y", "", None, "y" * 200, "é"):
                doc = Document.from_bytes(first.to_bytes())
                doc.text = text
                again = Document.from_bytes(doc.to_bytes())
                self.assertEqual((again.id, again.text, again.uri), (first.id, text or "", first.uri))
        with self.assertRaises(TypeError):
            Document.from_bytes(Document(id="a", text="x").to_bytes()).text = 5


class ReceivedTest(unittest.TestCase):
    def received(self):
        from flowrun.document import ReceivedDocuments, write_documents, write_texts

        docs = ReceivedDocuments()
        docs.add_encoded(write_documents([Document(id="a", text="x"), Document(id="b"), Document(id="c" * 200, text="é" * 200)]))
        docs.add_encoded(write_texts(["", "y"]))
        return docs

    def test_texts_are_read_without_decoding_documents(self):
        docs = self.received()
        self.assertEqual((len(docs), docs.texts, bool(docs)), (5, ["x", "", "é" * 200, "", "y"], True))
        self.assertNotEqual(type(docs), DocumentArray)
        self.assertEqual([doc.text for doc in docs], ["x", "", "é" * 200, "", "y"])
        self.assertEqual(type(docs), DocumentArray)

    def test_every_operation_of_lists_decodes_the_documents(self):
        first = Document(id="a", text="x")
        for operation in (
            lambda docs: docs[0],
            lambda docs: docs[0:1][0],
            lambda docs: next(iter(docs)),
            lambda docs: list(docs)[0],
            lambda docs: [*docs][0],
            lambda docs: ([] + docs)[0],
            lambda docs: (docs + [])[0],
            lambda docs: sorted(docs, key=lambda doc: doc.id != "a")[0],
            lambda docs: docs.copy()[0],
            lambda docs: docs.pop(0),
            lambda docs: docs[docs.index(first)],
            lambda docs: list(reversed(docs))[-1],
            lambda docs: docs["a"],
            lambda docs: docs[:1, "id"] == ["a"] and docs[0],
            lambda docs: max(docs, key=lambda doc: doc.id == "a"),
        ):
            self.assertEqual(operation(self.received()), first)
        self.assertIn(first, self.received())
        docs = self.received()
        docs.append(first)
        self.assertEqual((docs[-1], len(docs)), (first, 6))
        docs = self.received()
        docs.texts = list("abcde")
        self.assertEqual(docs.texts, list("abcde"))


class ArrayTest(unittest.TestCase):
    def test_tensors_are_readable_without_numpy(self):
        tensor = Tensor(bytes(range(6)), (3, 2), "|u1")
        self.assertEqual(tensor.tolist(), [[0, 1], [2, 3], [4, 5]])
        self.assertEqual(Tensor.from_floats([0.5, 2]).tolist(), [0.5, 2.0])
        self.assertEqual(Tensor(b"\x00\x00\x80\x3f", (), "<f4").tolist(), 1.0)

    @unittest.skipIf(module.numpy is None, "numpy is not installed")
    def test_arrays_are_numpy_arrays_if_numpy_is_installed(self):
        import numpy

        docs = DocumentArray(Document(id=str(number)) for number in range(3))
        docs.embeddings = numpy.arange(12, dtype="float32").reshape(3, 4)
        again = DocumentArray(Document.from_bytes(doc.to_bytes()) for doc in docs)
        numpy.testing.assert_array_equal(again.embeddings, docs.embeddings)
        for kind in ("|u1", "<i8", "<f8", ">f4", "|b1"):
            array = numpy.ones((2, 3), dtype=kind)
            again = Document.from_bytes(Document(tensor=array).to_bytes()).tensor
            self.assertEqual((again.dtype.str, again.shape), (kind, (2, 3)))
        again[0, 0] = 0
        # The type of the error depends on the version of numpy.
        with self.assertRaises((TypeError, ValueError)):
            Document(tensor=[[1], [2, 3]]).to_bytes()

    def test_array_attributes_set_one_value_per_document(self):
        docs = DocumentArray([Document(), Document()])
        docs.texts = ["a", "b"]
        self.assertEqual(docs.texts, ["a", "b"])
        with self.assertRaises(ValueError):
            docs.texts = ["a"]

    def test_a_value_of_a_wrong_type_is_rejected_where_it_is_set(self):
        for name, value, wanted in (
            ("text", 5, "a text or None"),
            ("uri", None, "a text"),
            ("blob", "abc", "bytes or None"),
            ("embedding", "abc", "an array of numbers or None"),
            ("tensor", {"a": 1}, "an array of numbers or None"),
            ("tags", [1], "a dictionary"),
            ("chunks", "abc", "a list of documents"),
            ("weight", "heavy", "a number or None"),
            ("granularity", 0.5, "an integer"),
        ):
            with self.assertRaises(TypeError) as raised:
                setattr(Document(), name, value)
            self.assertEqual(str(raised.exception), f"`{name}` of a document must be {wanted}, not {value!r}")

    def test_elements_of_a_wrong_type_are_rejected_with_the_name_of_the_field(self):
        chunk = Document(embedding=["a", "b"])
        for doc in (chunk, Document(chunks=[chunk])):
            with self.assertRaisesRegex(TypeError, "`embedding` of a document must be an array of numbers or None"):
                doc.to_bytes()
        with self.assertRaisesRegex(TypeError, "`chunks` of a document must be a list of documents"):
            Document(chunks=["a"]).to_bytes()

    @unittest.skipIf(module.numpy is None, "numpy is not installed")
    def test_an_array_of_booleans_selects_documents(self):
        docs = DocumentArray(Document(id=id) for id in "abc")
        self.assertEqual(docs[module.numpy.array([True, False, True])][:, "id"], ["a", "c"])

    def test_a_tag_that_cannot_be_sent_is_named_by_its_value(self):
        with self.assertRaisesRegex(TypeError, r"`tags` of a document: datetime\.date\(2020, 1, 1\) cannot be"):
            Document(tags={"day": datetime.date(2020, 1, 1)}).to_bytes()
        with self.assertRaisesRegex(TypeError, "`tags` of a document: an integer is too large"):
            Document(tags={"n": 10**400}).to_bytes()

    def test_unknown_field_names_are_rejected(self):
        with self.assertRaises(TypeError):
            Document(txt="a")
        with self.assertRaises(AttributeError):
            Document().txt = "a"


if __name__ == "__main__":
    unittest.main()
