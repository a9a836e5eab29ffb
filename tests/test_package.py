"""The installed package: what the wheel holds, its console command, and the README's Python examples."""

import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile

import pytest

from tests.conftest import ROOT

README_EXAMPLES = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, ROOT], check=True)
    (path,) = folder.glob("imprint_core-*.whl")
    return path


@pytest.fixture(scope="module")
def run(wheel, tmp_path_factory):
    """Run a program of a fresh environment that has the wheel, in an empty folder outside the repository."""
    home = tmp_path_factory.mktemp("elsewhere")
    venv.create(home / "env", symlinks=True)
    programs = home / "env" / "bin"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "--python", programs / "python"]
    subprocess.run([*pip, "install", "--no-deps", wheel], check=True)
    # The dependencies are those of the tests: installing torch again would take minutes.
    (packages,) = (home / "env").glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    folder = home / "work"
    folder.mkdir()
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"IMPRINT_HOME": str(home / "sets")}

    def program(name, *arguments):
        done = subprocess.run([programs / name, *arguments], cwd=folder, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return program


def test_wheel_holds_every_file_of_the_core_and_nothing_of_the_app(wheel):
    files = {p for p in (ROOT / "imprint_core").rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == {p.relative_to(ROOT).as_posix() for p in files}
    assert "imprint_core/py.typed" in packed


def test_installed_package_is_the_one_imported(run):
    assert "site-packages" in run("python", "-c", "import imprint_core; print(imprint_core.__file__)")


def test_bundled_sets_are_found(run, bundled):
    assert [line.split()[0] for line in run("imprint", "sets", "list").splitlines()[1:]] == sorted(
        info.path.stem for info in bundled.values()
    )


@pytest.mark.parametrize("command", [("imprint",), ("python", "-m", "imprint_core")])
def test_command_explains_itself(run, command):
    assert run(*command, "--help").startswith("usage: imprint ")


def test_examples_of_the_readme_run(run):
    assert README_EXAMPLES
    printed = run("python", "-c", "\n".join(README_EXAMPLES))
    assert 0.9 < float(printed.splitlines()[0]) < 1
