"""The command `imprint serve`: addresses, ports, bad input. Classes are in tests/protocol and tests/browser."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import zxingcpp

from imprint_core.cli import serve
from imprint_core.cli.main import main
from tests.conftest import ROOT

LOCAL = "127.0.0.1"


def interfaces(**addresses):
    """Interfaces with their addresses, as psutil lists them; those called `down` are off."""
    entries = {
        name: [SimpleNamespace(family=socket.AF_INET6 if ":" in a else socket.AF_INET, address=a) for a in listed]
        for name, listed in addresses.items()
    }
    stats = {name: SimpleNamespace(isup=not name.startswith("down")) for name in addresses}
    return entries, stats


@pytest.fixture
def network(monkeypatch):
    """Replace the interfaces of this machine, and the address of its default route."""

    def replace(default="", **addresses):
        entries, stats = interfaces(lo=[LOCAL, "::1"], **addresses)
        monkeypatch.setattr(psutil, "net_if_addrs", lambda: entries)
        monkeypatch.setattr(psutil, "net_if_stats", lambda: stats)
        monkeypatch.setattr(serve, "_default_addresses", lambda: [default])

    return replace


@pytest.fixture
def started(monkeypatch):
    """Commands and environments of servers that would have been started."""
    calls = []
    monkeypatch.setattr(serve, "_run_until_stopped", lambda command, environment: calls.append((command, environment)))
    return calls


@pytest.fixture
def taken():
    """A port on which another program listens."""
    with socket.socket() as other:
        other.bind((LOCAL, 0))
        other.listen()
        yield other.getsockname()[1]


def failure(capsys, *arguments):
    """The sentence with which the command fails."""
    assert main(["serve", *arguments]) == 2
    printed = capsys.readouterr()
    assert not printed.out
    assert printed.err.count("\n") == 1
    return printed.err


def test_addresses_are_those_of_active_networks_with_the_default_route_first(network):
    network(
        "192.168.1.20",
        docker0=["172.17.0.1"],
        wlan0=["192.168.1.20", "fd00::5", "fe80::1%wlan0"],
        eth0=["169.254.3.4"],
        down0=["10.9.9.9"],
    )
    assert serve.lan_addresses() == ["192.168.1.20", "172.17.0.1"]
    network("fd00::5", wlan0=["fd00::5", "fe80::1%wlan0"])
    assert serve.lan_addresses() == ["fd00::5"]
    network()
    assert serve.lan_addresses() == []


def test_default_route_is_found_without_a_packet(monkeypatch):
    sent = []
    for name in ("send", "sendto", "sendall", "sendmsg"):
        monkeypatch.setattr(socket.socket, name, lambda *_, **__: sent.append(1))
    assert set(serve._default_addresses()) <= set(serve.lan_addresses()) | {
        entry.address for entries in psutil.net_if_addrs().values() for entry in entries
    }
    assert not sent


def test_without_a_class_the_app_listens_on_this_machine_only(started, capsys, monkeypatch):
    monkeypatch.setenv(serve.KEY_VARIABLE, "left over")
    main(["serve", "--port", "8600"])
    ((command, environment),) = started
    assert command[1:5] == ["-m", "streamlit", "run", str(ROOT / "app.py")]
    assert command[5:] == ["--server.address", LOCAL, "--server.port", "8600"]
    assert not environment[serve.KEY_VARIABLE]
    assert not capsys.readouterr().out


def test_class_gets_addresses_a_key_and_a_qr_code(network, started, capsys):
    network("192.168.1.20", wlan0=["192.168.1.20"], eth0=["10.0.0.4"])
    keys = set()
    for _ in range(2):
        main(["serve", "--classroom", "--port", "8600"])
        command, environment = started.pop()
        printed = capsys.readouterr().out
        assert command[command.index("--server.address") + 1] == "0.0.0.0"  # noqa: S104
        # A student may not fill the server's memory.
        assert command[command.index("--server.maxUploadSize") + 1] == "100"
        assert environment[serve.ADDRESS_VARIABLE] == "http://192.168.1.20:8600"
        assert "everyone on this network can open the app" in printed
        assert re.search(r"^  Students  http://192\.168\.1\.20:8600$", printed, re.M)
        assert "other networks of this machine: http://10.0.0.4:8600" in printed
        assert "in a browser on this machine: http://localhost:8600" in printed
        key = environment[serve.KEY_VARIABLE]
        assert printed.count(key) == 1
        assert f"http://192.168.1.20:8600/?teacher={key}\n" in printed
        assert len(key) >= 20
        keys.add(key)
        assert decoded(printed) == "http://192.168.1.20:8600"
    assert len(keys) == 2


def decoded(printed):
    """What a camera reads from the terminal: block characters are light on a dark background."""
    lines = [line for line in printed.splitlines() if line and not set(line) - set("█▀▄ ")]
    halves = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255), " ": (0, 0)}
    rows = [[halves[c][half] for c in line] for line in lines for half in (0, 1)]
    picture = np.kron(np.array(rows, np.uint8), np.ones((6, 6), np.uint8))
    (code,) = zxingcpp.read_barcodes(picture)
    return code.text


def test_terminal_without_block_characters_gets_the_address_alone(network, capsys, monkeypatch):
    monkeypatch.setattr(serve.sys, "stdout", SimpleNamespace(encoding="ascii"))
    assert serve._qr_code_lines("http://192.168.1.20:8600") == []


def test_one_address_of_several_can_be_chosen(network, started, capsys):
    network("192.168.1.20", wlan0=["192.168.1.20"], eth0=[LOCAL])
    main(["serve", "--classroom", "--address", LOCAL, "--port", "8600"])
    command, _ = started.pop()
    assert command[command.index("--server.address") + 1] == LOCAL
    printed = capsys.readouterr().out
    assert f"the app waits for a reverse proxy at http://{LOCAL}:8600" in printed
    assert "on this machine: http://localhost" not in printed


def test_key_and_address_can_be_set_for_a_proxy(network, started, capsys, monkeypatch):
    network("192.168.1.20", wlan0=["192.168.1.20"])
    monkeypatch.setenv(serve.KEY_VARIABLE, "chosen")
    monkeypatch.setenv(serve.ADDRESS_VARIABLE, "https://imprint.example")
    main(["serve", "--classroom", "--port", "8600"])
    _, environment = started.pop()
    assert environment[serve.KEY_VARIABLE] == "chosen"
    printed = capsys.readouterr().out
    assert "https://imprint.example/?teacher=chosen" in printed
    assert decoded(printed) == "https://imprint.example"


def test_port_that_is_taken_gives_one_sentence_with_a_free_one(taken, capsys):
    sentence = failure(capsys, "--port", str(taken))
    free = re.fullmatch(rf"Port {taken} is taken by another program\. Choose another: --port (\d+)\.\n", sentence)
    with socket.socket() as probe:
        probe.bind((LOCAL, int(free[1])))
    # A class needs the port on every address.
    assert f"Port {taken} is taken" in failure(capsys, "--classroom", "--address", "0.0.0.0", "--port", str(taken))  # noqa: S104


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "80.5"])
def test_number_that_is_no_port_is_refused(port, capsys):
    with pytest.raises(SystemExit):
        main(["serve", "--port", port])
    assert "is not a port. Give a whole number from 1 to 65535" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--address", "192.168.1.20"], "Without --classroom the app listens on this machine only, not on 192.168"),
        (["--address", "0.0.0.0"], "Without --classroom the app listens on this machine only"),  # noqa: S104
        (["--classroom", "--address", "203.0.113.99"], "203.0.113.99 is not an address of this machine. Give one of"),
        (["--classroom", "--address", "class.example.com"], "'class.example.com' is not an IP address. Give one of"),
    ],
)
def test_bad_address_gives_one_sentence(arguments, sentence, capsys, network):
    network("192.168.1.20", wlan0=["192.168.1.20"])
    assert sentence in failure(capsys, *arguments)


def test_class_without_a_network_gives_one_sentence(network, capsys):
    network()
    assert failure(capsys, "--classroom").startswith("This machine is not connected to a network")


def test_installation_without_the_app_gives_one_sentence(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(serve, "_ROOT", tmp_path)
    (tmp_path / "app.py").write_text("print('another project')")
    assert failure(capsys).startswith("The app is not part of this installation. Get the project's repository")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_server_ends_with_the_command(number, tmp_path):
    port = serve._any_free_port(LOCAL)
    command = [sys.executable, "-m", "imprint_core", "serve", "--port", str(port)]
    environment = {**os.environ, "IMPRINT_HOME": str(tmp_path), "STREAMLIT_SERVER_HEADLESS": "true"}
    # A shell starts commands in the background with SIGINT ignored, the tests as well.
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    ) as process:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://{LOCAL}:{port}/_stcore/health", timeout=1).close()
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
        (server,) = psutil.Process(process.pid).children()
        process.send_signal(number)
        assert process.wait(30) == 0
        assert not server.is_running()
