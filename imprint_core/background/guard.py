"""Read untrusted files in a separate process with limited memory, time and output.

The libraries that read images, archives and tables trust what a file declares: a few kilobytes can unpack to gigabytes,
or crash a decoder written in C. In a separate process that costs one message.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Semaphore, Timer
from typing import Any, BinaryIO

from imprint_core.errors import ImprintError

_ROOT = Path(__file__).resolve().parents[2]
# Several uploads at once must not take the memory of the whole machine; short ones don't wait for long ones.
_turns = {"short": Semaphore(2), "long": Semaphore(2)}
_SHORT_SECONDS = 60
# Threads of libraries reserve memory, which counts towards the limit.
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}
_MOST_LINE = 64_000_000


@dataclass(frozen=True)
class Limits:
    """What a guarded process may use: bytes of memory, seconds, and bytes of each file it writes.

    Systems without such limits (Windows) apply the seconds only, macOS not the memory.
    """

    memory: int = 1_500_000_000
    seconds: float = 600
    written: int = 4_000_000_000


DEFAULT_LIMITS = Limits()


def run_guarded(
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    report: Callable[..., None] = lambda *values: None,
    limits: Limits = DEFAULT_LIMITS,
) -> Any:
    """Call a function of a module in a separate process, and return its result.

    Parameters
    ----------
    function : callable
        A function at the top level of a module. It takes `arguments` by name, and `report` as its first argument.
    arguments : mapping
        Values that JSON can represent, such as paths as text.
    report : callable
        Called here with what the function reports there. If it raises, the process is ended.
    limits : Limits

    Returns
    -------
    object
        The function's result, which JSON can represent.

    Raises
    ------
    ImprintError
        The function's own, or one that says that the process crashed or reached a limit.
    """
    request = {
        "function": [function.__module__, function.__qualname__],
        "arguments": dict(arguments),
        "limits": asdict(limits),
    }
    with (
        _turns["short" if limits.seconds <= _SHORT_SECONDS else "long"],
        subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", __name__],
            cwd=_ROOT,
            env=os.environ | _ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process,
    ):
        timer = Timer(limits.seconds, process.kill)
        timer.daemon = True
        timer.start()
        try:
            return _result(process.stdin, process.stdout, json.dumps(request).encode(), report)
        finally:
            in_time = timer.is_alive()
            timer.cancel()
            process.kill()
            if not in_time:
                raise ImprintError(
                    f"Reading the file took longer than {limits.seconds:.0f} seconds. Give a smaller file."
                ) from None


def _result(requests: Any, answers: Any, request: bytes, report: Callable[..., None]) -> Any:
    with suppress(BrokenPipeError):
        requests.write(request)
        requests.close()
    while line := answers.readline(_MOST_LINE):
        match json.loads(line):
            case {"report": [*values]}:
                report(*values)
            case {"error": str(message)}:
                raise ImprintError(message)
            case {"result": result}:
                return result
    raise ImprintError(
        "The file could not be read: it is damaged, or needs more memory than a file may take. Save it again, or give "
        "a smaller one."
    )


def _set_limits(memory: int, seconds: float, written: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    for name, value in (("DATA", memory), ("CPU", int(seconds) + 1), ("FSIZE", written), ("CORE", 0)):
        limit = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(limit)[1]
        # macOS refuses some limits.
        with suppress(OSError, ValueError):
            resource.setrlimit(limit, (value if hard < 0 else min(value, hard), hard))


def _main(requests: BinaryIO, answers: BinaryIO) -> None:
    def answer(**values: Any) -> None:
        answers.write(json.dumps(values).encode() + b"\n")
        answers.flush()

    request = json.loads(requests.read())
    _set_limits(**request["limits"])
    module, name = request["function"]
    try:
        function = getattr(importlib.import_module(module), name)
        answer(result=function(lambda *values: answer(report=values), **request["arguments"]))
    except ImprintError as error:
        answer(error=str(error))
    except MemoryError:
        answer(
            error=f"Reading the file needs more than {request['limits']['memory'] / 1e9:.1f} GB of memory. Give a "
            "smaller file."
        )


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "wb")
    # What libraries print must not mix with the answers.
    os.dup2(2, 1)
    _main(sys.stdin.buffer, answers)
