"""Flow files that are written contain the values that they were given."""

import enum
import os
import pathlib
import unittest

from flowrun.flow_file import flow_text, plain_value, yaml_lines


class FlowFileTest(unittest.TestCase):
    def test_each_pod_is_found_by_its_line(self):
        text, starts = flow_text({"name": "f"}, [{"name": "a", "needs": ["b", "c"]}, {"name": "b", "uses_with": {"x": 1}}])
        lines = text.splitlines()
        self.assertEqual([lines[start - 1] for start in starts], ["- name: a", "- name: b"])

    def test_texts_that_look_like_other_values_are_quoted(self):
        numbers = ("1", "1:30", "0x1F", "2024-01-01", ".5", ".inf")
        for text in (*numbers, "true", "No", "null", "~", "", " a", "a: b", "a #b", "- a", "ü\n", "."):
            line = yaml_lines({"key": text})[0]
            self.assertTrue(line.startswith('key: "'), line)
        self.assertEqual(yaml_lines({"key": "path/to/file.yml"}), ["key: path/to/file.yml"])

    def test_dollar_signs_are_escaped_because_flow_files_substitute_variables(self):
        self.assertEqual(plain_value({"a": ["$HOME"]}, "x"), {"a": ["$$HOME"]})

    def test_control_characters_and_line_separators_are_escaped(self):
        self.assertEqual(yaml_lines({"key": "\x7f\x85\u2028\ufeffü"}), ['key: "\\u007f\\u0085\\u2028\\ufeffü"'])

    def test_infinite_numbers_are_written_as_numbers(self):
        lines = yaml_lines([float("inf"), float("-inf"), float("nan")])
        self.assertEqual(lines, ["- .inf", "- -.inf", "- .nan"])

    def test_subclasses_of_numbers_and_texts_are_written_as_their_values(self):
        class Level(enum.IntEnum):
            HIGH = 3

        class Name(str, enum.Enum):
            A = "a"

        self.assertEqual(yaml_lines(plain_value([Level.HIGH, Name.A], "x")), ["- 3", "- a"])
        try:
            import numpy
        except ImportError:
            return
        self.assertEqual(yaml_lines(plain_value([numpy.float64(0.1), numpy.int64(2)], "x")), ["- 0.1", "- 2"])

    def test_paths_and_arrays_become_texts_and_lists(self):
        self.assertEqual(plain_value(pathlib.Path("a") / "b", "x"), os.path.join("a", "b"))
        try:
            import numpy
        except ImportError:
            return
        self.assertEqual(plain_value({"v": numpy.arange(3), "n": numpy.float32(0.5)}, "x"), {"v": [0, 1, 2], "n": 0.5})

    def test_values_that_cannot_be_written_are_named(self):
        with self.assertRaisesRegex(TypeError, "`pod.uses_with.f`"):
            plain_value({"uses_with": {"f": object()}}, "pod")


if __name__ == "__main__":
    unittest.main()
