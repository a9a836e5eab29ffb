"""`serve`: run the app, for this machine or for a class on the local network."""

from __future__ import annotations

import argparse
import errno
import io
import os
import secrets
import signal
import socket
import subprocess
import sys
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path

from imprint_core.errors import ImprintError

KEY_VARIABLE = "IMPRINT_TEACHER_KEY"
"""Environment variable of the teacher's key; if it is set, the app runs in classroom mode."""

ADDRESS_VARIABLE = "IMPRINT_ADDRESS"
"""Environment variable of the address at which a class reaches the app, for links and QR codes."""

_LOCAL = "127.0.0.1"
# What a student may store; a larger file would only take the memory of the server.
_CLASSROOM_MB = "100"

HELP = "run the app, for this machine or for a class"
DESCRIPTION = """\
Run the app. It listens on this machine only. With --classroom it listens on the local network: everyone there can
explore, learn, compare and share. Embedding, downloads, weights and removal of sets need the teacher's key, which is
printed at the start, or a browser on this machine. What a student uploads is visible to that student only and is
deleted when the student leaves.
"""
EPILOG = f"""\
examples:
  imprint serve
  imprint serve --classroom
  imprint serve --classroom --port 8600 --address 192.168.1.20

{KEY_VARIABLE} sets the teacher's key; by default each start generates another.
Behind a reverse proxy on this machine, add --address {_LOCAL}, so that only the key makes a teacher, and set
{ADDRESS_VARIABLE} to the proxy's address.
"""

_ROOT = Path(__file__).resolve().parents[2]
# Reserved for documentation. A UDP socket that is connected sends nothing; the system only chooses its interface.
_OUTSIDE = ((socket.AF_INET, "203.0.113.1"), (socket.AF_INET6, "2001:db8::1"))
_MOST_PORTS_TRIED = 100


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--classroom", action="store_true", help="listen on the local network, for a class")
    parser.add_argument("--port", type=_port, default=8501, metavar="PORT", help="port (default: %(default)s)")
    parser.add_argument(
        "--address",
        default="",
        metavar="IP",
        help=f"address to listen on (default: {_LOCAL}; with --classroom every address of this machine)",
    )


def run(options: argparse.Namespace) -> int:
    """Run the app until it is stopped."""
    app = _ROOT / "app.py"
    # Another project may have installed an `app.py` beside this package.
    if not app.is_file() or not (_ROOT / ".streamlit" / "config.toml").is_file() or find_spec("streamlit") is None:
        raise ImprintError(
            "The app is not part of this installation. Get the project's repository and run `make app` in its folder."
        )
    hosts = _hosts(options)
    address = options.address or ("::" if ":" in hosts[0] else "0.0.0.0") if options.classroom else hosts[0]  # noqa: S104
    _check_port(address, options.port)
    command = [sys.executable, "-m", "streamlit", "run", str(app)]
    command += ["--server.address", address, "--server.port", str(options.port)]
    environment = {**os.environ, KEY_VARIABLE: "", ADDRESS_VARIABLE: ""}
    if options.classroom:
        urls = [_url(host, options.port) for host in hosts]
        key = os.environ.get(KEY_VARIABLE) or secrets.token_urlsafe(16)
        environment |= {KEY_VARIABLE: key, ADDRESS_VARIABLE: os.environ.get(ADDRESS_VARIABLE) or urls[0]}
        command += ["--logger.hideWelcomeMessage", "true", "--server.maxUploadSize", _CLASSROOM_MB]
        print(_announcement(environment[ADDRESS_VARIABLE], urls, key, options), flush=True)
    return _run_until_stopped(command, environment)


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"'{text}' is not a port. Give a whole number from 1 to 65535")
    return int(text)


def _hosts(options: argparse.Namespace) -> list[str]:
    """Addresses at which browsers reach the app, the best one first.

    Raises an `ImprintError` if the requested address is not one of this machine, or no network is connected.
    """
    if options.address:
        try:
            requested = ip_address(options.address)
        except ValueError:
            raise ImprintError(
                f"'{options.address}' is not an IP address. Give one of this machine: {', '.join(lan_addresses())}."
            ) from None
        if not options.classroom and not requested.is_loopback:
            raise ImprintError(
                f"Without --classroom the app listens on this machine only, not on {requested}. Add --classroom."
            )
        if not requested.is_unspecified:
            return [options.address]
    if not options.classroom:
        return [_LOCAL]
    hosts = lan_addresses()
    if not hosts:
        raise ImprintError(
            "This machine is not connected to a network, so a class cannot reach it. "
            "Connect it, or run `imprint serve` without --classroom."
        )
    return hosts


def lan_addresses() -> list[str]:
    """Addresses of this machine on its networks, found without sending anything.

    The one of the default route comes first, then those of other interfaces. IPv6 only where there is no IPv4.
    """
    import psutil

    active = {name for name, state in psutil.net_if_stats().items() if state.isup}
    addresses = [
        entry.address
        for name, entries in psutil.net_if_addrs().items()
        if name in active
        for entry in entries
        if entry.family in (socket.AF_INET, socket.AF_INET6)
    ]
    usable = [
        a for a in addresses if "%" not in a and not ip_address(a).is_loopback and not ip_address(a).is_link_local
    ]
    usable = [a for a in usable if ":" not in a] or usable
    return sorted(usable, key=lambda a: a not in _default_addresses())


def _default_addresses() -> list[str]:
    """Addresses from which this machine would send to the internet."""
    addresses = []
    for family, outside in _OUTSIDE:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((outside, 9))
            except OSError:
                continue
            addresses.append(probe.getsockname()[0])
    return addresses


def _check_port(address: str, port: int) -> None:
    """Raise an `ImprintError` that names a free port if the app cannot listen on this one."""
    problem = _bind_error(address, port)
    if problem == errno.EADDRNOTAVAIL:
        raise ImprintError(f"{address} is not an address of this machine. Give one of {', '.join(lan_addresses())}.")
    if problem:
        following = range(max(port, 1023) + 1, min(port + _MOST_PORTS_TRIED, 65536))
        free = next((other for other in following if not _bind_error(address, other)), 0)
        reason = "needs administrator rights" if problem == errno.EACCES else "is taken by another program"
        raise ImprintError(f"Port {port} {reason}. Choose another: --port {free or _any_free_port(address)}.")


def _bind_error(address: str, port: int) -> int:
    """Error number of listening on a port; 0 for none."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        if os.name == "posix":
            # As the server does: a port whose last connections are still being closed is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            return error.errno or errno.EADDRINUSE
    return 0


def _any_free_port(address: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _announcement(address: str, urls: list[str], key: str, options: argparse.Namespace) -> str:
    """Text for the terminal: who can connect, the addresses, the teacher's link and a QR code."""
    proxied = options.address and ip_address(options.address).is_loopback
    who = f"the app waits for a reverse proxy at {urls[0]}" if proxied else "everyone on this network can open the app"
    lines = [f"Classroom mode: {who}.", "", f"  Students  {address}"]
    if len(urls) > 1:
        lines.append(f"            or, on other networks of this machine: {'  '.join(urls[1:])}")
    lines.append(f"  Teacher   {address}/?teacher={key}")
    if not options.address:
        lines.append(f"            or, in a browser on this machine: http://localhost:{options.port}")
    lines += ["", *_qr_code_lines(address), "Stop with Ctrl-C."]
    return "\n".join(lines)


def _qr_code_lines(text: str) -> list[str]:
    """QR code as lines of block characters; none where the terminal has no such characters."""
    import segno

    code = io.StringIO()
    segno.make(text, error="m", micro=False).terminal(code, border=2, compact=True)
    try:
        code.getvalue().encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return []
    # Light on dark in every terminal, since many cameras do not read inverted codes.
    colour, reset = ("\x1b[97;40m", "\x1b[0m") if sys.stdout.isatty() and os.name == "posix" else ("", "")
    return [*(f"{colour}{line}{reset}" for line in code.getvalue().splitlines()), ""]


def _run_until_stopped(command: list[str], environment: dict[str, str]) -> int:
    """Run the server as a child process and pass signals on; return its exit status."""
    with subprocess.Popen(command, cwd=_ROOT, env=environment) as server:  # noqa: S603
        signal.signal(signal.SIGTERM, lambda number, frame: server.terminate())
        try:
            status = server.wait()
        except KeyboardInterrupt:
            # In a terminal the server gets Ctrl-C as well.
            server.terminate()
            server.wait()
            return 0
    return 0 if status == -signal.SIGTERM else status
