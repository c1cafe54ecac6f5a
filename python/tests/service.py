"""Helpers of tests that start flows."""

import os
import tempfile
import unittest

BINARY = os.environ.get("FLOWRUN_BINARY")

needs_program = unittest.skipUnless(BINARY, "FLOWRUN_BINARY does not name the program")


class DirectoryTest(unittest.TestCase):
    """A test in a working directory of its own."""

    def setUp(self):
        before = os.getcwd()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.addCleanup(os.chdir, before)
        os.chdir(directory.name)
        self.directory = directory.name
