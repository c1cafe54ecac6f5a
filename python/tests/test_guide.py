"""The programs of the guide print what its comments show."""

import os
import re
import subprocess
import sys
import unittest

from flowrun import document
from tests.service import DirectoryTest, needs_program

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@needs_program
@unittest.skipIf(document.numpy is None, "numpy is not installed")
class GuideTest(DirectoryTest):
    def test_programs_print_what_their_comments_show(self):
        with open(os.path.join(ROOT, "docs", "python-api.md"), encoding="utf-8") as file:
            programs = re.findall(r"```python\n(.*?)```", file.read(), re.DOTALL)
        self.assertEqual(len(programs), 2)
        for number, program in enumerate(programs):
            with open(f"program{number}.py", "w", encoding="utf-8") as file:
                file.write(program)
            shown = re.findall(r"print\(.*\)\s+# (.*)", program)
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
            done = subprocess.run(
                [sys.executable, f"program{number}.py"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            self.assertEqual(done.stdout.decode().splitlines(), shown, done.stderr.decode())


if __name__ == "__main__":
    unittest.main()
