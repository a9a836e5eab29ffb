"""Run the command line."""

import os
import sys

from imprint_core.cli.main import main

try:
    status = main()
    sys.stdout.flush()
except BrokenPipeError:
    # Whoever read the output wants no more of it; Python would complain once again when it ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    status = 0
sys.exit(status)
