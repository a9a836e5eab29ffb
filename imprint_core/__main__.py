"""Run the command line."""

import sys

from imprint_core.cli import main

sys.exit(main())
