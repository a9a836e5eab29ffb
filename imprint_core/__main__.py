"""Entry point of `python -m imprint_core`."""

import sys

from imprint_core.cli.main import main

sys.exit(main())
