"""Record connections of a process to other machines.

Python imports this file at its start if its folder is in PYTHONPATH. Each line of the file OUTSIDE_CONNECTIONS is an
event, with a host that the process looked up, connected to, or sent data to.
"""

import os
import sys
from typing import Any

_HOST_OF = {
    "socket.getaddrinfo": lambda host, *_: host,
    "socket.gethostbyname": lambda host: host,
    "socket.connect": lambda _, address: address[0] if isinstance(address, tuple) else None,
    "socket.sendto": lambda _, address: address[0] if isinstance(address, tuple) else None,
}
_LOCAL = ("localhost", "::1", "0.0.0.0", "::")


def _record(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _HOST_OF:
        return
    host = _HOST_OF[event](*arguments)
    host = host.decode() if isinstance(host, bytes) else host
    if host and host not in _LOCAL and not host.startswith("127."):
        with open(os.environ["OUTSIDE_CONNECTIONS"], "a", encoding="utf-8") as file:
            file.write(f"{event} {host}\n")


if "OUTSIDE_CONNECTIONS" in os.environ:
    sys.addaudithook(_record)
