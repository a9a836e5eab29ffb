"""Fetch axe-core, an accessibility checker, from the npm registry; only tests use it."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import NoReturn

import pytest

VERSION = "4.14.1"
# Error codes of npm without a reachable registry.
_UNREACHED = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "ERR_SOCKET_TIMEOUT")
_SHA512 = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
# In the virtual environment, so that `make clean` removes it.
_PATH = Path(sys.prefix) / "share" / f"axe-core-{VERSION}.min.js"


def axe_script() -> str:
    """Return the script, from an earlier run or from the registry that npm is configured for."""
    if not _PATH.is_file():
        _store(_fetch())
    return _PATH.read_text(encoding="utf-8")


def _missing(reason: str) -> NoReturn:
    """Skip the test, or fail if browser tests are required."""
    (pytest.fail if os.environ.get("IMPRINT_BROWSER_REQUIRED") else pytest.skip)(reason)
    raise AssertionError(reason)


def _fetch() -> bytes:
    npm = shutil.which("npm")
    if npm is None:
        _missing("axe-core and npm, which fetches it, are missing; on Debian: apt-get install npm")
    with tempfile.TemporaryDirectory() as folder:
        # npm reads settings of the current folder.
        done = subprocess.run(
            [npm, "pack", "--loglevel=error", f"axe-core@{VERSION}"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        files = list(Path(folder).glob("*.tgz"))
        if done.returncode or not files:
            reason = f"axe-core could not be fetched with npm: {' '.join(done.stderr.split())[:300]}"
            if any(sign in done.stderr for sign in _UNREACHED):
                pytest.skip(reason)
            _missing(reason)
        packed = files[0].read_bytes()
        digest = base64.b64encode(hashlib.sha512(packed).digest()).decode()
        assert digest == _SHA512, f"axe-core {VERSION} has another checksum: {digest}"
        with tarfile.open(files[0]) as archive:
            script = archive.extractfile("package/axe.min.js")
            assert script is not None
            return script.read()


def _store(script: bytes) -> None:
    """Write it in one step, since other test workers may do the same."""
    _PATH.parent.mkdir(exist_ok=True)
    temporary = _PATH.with_suffix(f".{os.getpid()}")
    temporary.write_bytes(script)
    temporary.replace(_PATH)
