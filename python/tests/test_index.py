"""The index finds the nearest vectors, and keeps them."""

import os
import unittest

from flowrun import document as module
from tests.service import DirectoryTest, needs_program

numpy = module.numpy


@needs_program
@unittest.skipIf(numpy is None, "numpy is not installed")
class IndexTest(DirectoryTest):
    def test_a_search_equals_an_exhaustive_one(self):
        from flowrun import Index

        draw = numpy.random.default_rng(7)
        vectors, queries = draw.random((3000, 16), dtype="float32"), draw.random((20, 16), dtype="float32")
        with Index("vectors", metric="euclidean", fsync="never") as index:
            index.add(vectors, ids=[str(number) for number in range(len(vectors))], tags=[{"n": n} for n in range(3000)])
            found = index.search(queries, limit=5)
            distances = numpy.linalg.norm(vectors[None, :, :] - queries[:, None, :], axis=2)
            expected = numpy.argsort(distances, axis=1)[:, :5]
            self.assertEqual(found.ids, [[str(number) for number in row] for row in expected])
            numpy.testing.assert_allclose(found.distances, numpy.take_along_axis(distances, expected, axis=1), rtol=1e-4)
            filtered = index.search(queries[0], limit=3, filter={"n": {"$lt": 10}})
            nearest = numpy.argsort(distances[0, :10])[:3]
            self.assertEqual(filtered.ids, [[str(number) for number in nearest]])
            self.assertEqual(filtered.matches[0][0].tags, {"n": int(nearest[0])})

    def test_changes_are_kept_and_copied(self):
        from flowrun import FlowError, Index, RequestError

        with Index("vectors") as index:
            ids = index.add(numpy.eye(4, dtype="float32"), texts=list("abcd"))
            index.add(numpy.eye(4, dtype="float32")[:1], ids=[ids[0]], texts=["again"])
            index.delete(ids=ids[3:])
            self.assertEqual((len(index), index.get([ids[0], "none"])[0].text), (3, "again"))
            with self.assertRaises(RequestError):
                index.add(numpy.zeros((1, 7), dtype="float32") + 1)
            with self.assertRaisesRegex(ValueError, "`ids` has 1 items for 2 vectors"):
                index.add(numpy.eye(2), ids=["a"])
            with self.assertRaisesRegex(ValueError, "either"):
                index.delete()
            index.snapshot("copy")
            with self.assertRaises(FlowError):
                index.snapshot("copy")
        for path in ("vectors", "copy"):
            with Index(path, read_only=True) as index:
                self.assertEqual(len(index), 3)
                self.assertEqual(index.search(numpy.eye(4)[1], limit=1).ids, [[ids[1]]])
        self.assertIn(os.path.basename(self.directory), repr(index))

    def test_a_text_is_one_id_and_absent_texts_and_tags_are_allowed(self):
        from flowrun import Index

        with Index("vectors") as index:
            index.add(numpy.eye(3), ids=["ab", "a", "b"], texts=["x", None, "z"], tags=[None, {"n": 1}, None])
            self.assertEqual(index.get("ab").texts, ["x"])
            index.delete(ids="ab")
            self.assertEqual(index.get(["ab", "a", "b"]).texts, ["", "z"])
            with self.assertRaisesRegex(ValueError, "`ids` has 1 items for 2 vectors"):
                index.add(numpy.eye(3)[:2], ids="ab")

    def test_the_root_directory_is_no_index(self):
        from flowrun import Index

        with self.assertRaisesRegex(ValueError, "/ cannot be the directory of an index"):
            Index("/")


if __name__ == "__main__":
    unittest.main()
