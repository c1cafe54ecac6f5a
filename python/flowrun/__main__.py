"""`python -m flowrun` runs the program `flowrun`."""

import sys

from flowrun.program import main

main(sys.argv[1:])
