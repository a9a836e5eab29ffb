"""The command `imprint`, also `python -m imprint_core`: what the app does, in a terminal."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import NamedTuple

from imprint_core.cli import embed, evaluate, fetch, maps, sets, sweep
from imprint_core.cli.maintenance import commands
from imprint_core.errors import ImprintError


class _Command(NamedTuple):
    help: str
    description: str
    epilog: str
    add: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


_COMMANDS = {
    "embed": _Command(embed.HELP, embed.DESCRIPTION, embed.EPILOG, embed.add, embed.run),
    "sets": _Command(sets.HELP, sets.DESCRIPTION, sets.EPILOG, sets.add, sets.run),
    "evaluate": _Command(evaluate.HELP, evaluate.DESCRIPTION, evaluate.EPILOG, evaluate.add, evaluate.run),
    "sweep": _Command(sweep.HELP, sweep.DESCRIPTION, sweep.EPILOG, sweep.add, sweep.run),
    "maps": _Command(maps.HELP, maps.DESCRIPTION, maps.EPILOG, maps.add, maps.run),
    "fetch": _Command(fetch.HELP, fetch.DESCRIPTION, fetch.EPILOG, fetch.add, fetch.run),
    "bundle": _Command(commands.BUNDLE_HELP, commands.BUNDLE_DESCRIPTION, "", commands.add_bundle, commands.run_bundle),
    "survey": _Command(commands.SURVEY_HELP, commands.SURVEY_DESCRIPTION, "", commands.add_survey, commands.run_survey),
}


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="imprint",
        description="Weight imprinting: embed images once, imprint proxies in milliseconds.",
        epilog="Each command explains itself with --help.",
    )
    parsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in _COMMANDS.items():
        command.add(
            parsers.add_parser(
                name,
                help=command.help,
                description=command.description,
                epilog=command.epilog,
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
        )
    options = parser.parse_args(arguments)
    try:
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
