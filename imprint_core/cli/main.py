"""The command `imprint`, also `python -m imprint_core`: what the app does, in a terminal."""

from __future__ import annotations

import argparse
import os
import sys

from imprint_core.cli import embed, evaluate, fetch, maps, serve, sets, sweep
from imprint_core.cli.maintenance import bundle, survey
from imprint_core.errors import ImprintError
from imprint_core.paths import check_folders

# Modules with HELP, DESCRIPTION, EPILOG, `add`, which declares the options, and `run`, which returns the exit status.
_COMMANDS = {
    "embed": embed,
    "sets": sets,
    "evaluate": evaluate,
    "sweep": sweep,
    "maps": maps,
    "fetch": fetch,
    "serve": serve,
    "bundle": bundle,
    "survey": survey,
}


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="imprint",
        description="Weight imprinting: embed images once, imprint proxies in milliseconds.",
        epilog="Every command has --help.",
    )
    parsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in _COMMANDS.items():
        command.add(
            parsers.add_parser(
                name,
                help=command.HELP,
                description=command.DESCRIPTION,
                epilog=command.EPILOG,
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
        )
    options = parser.parse_args(arguments)
    try:
        check_folders()
        status = _COMMANDS[options.command].run(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # The reader of the output, such as `head`, ended first. Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ImprintError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. The same command resumes from here.", file=sys.stderr)
        return 130
