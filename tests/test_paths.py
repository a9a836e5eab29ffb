import pytest

from imprint_core.errors import ImprintError
from imprint_core.paths import check_folders


def test_a_folder_that_is_not_readable_is_named_with_its_variable(tmp_path, monkeypatch):
    for variable in ("IMPRINT_HOME", "IMPRINT_DATA", "IMPRINT_WEIGHTS"):
        monkeypatch.setenv(variable, str(tmp_path / "missing"))
    check_folders()
    (tmp_path / "file").touch()
    for variable in ("IMPRINT_WEIGHTS", "IMPRINT_DATA", "IMPRINT_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "file"))
        with pytest.raises(ImprintError, match=rf"^The folder '.*file' is not readable \(.+\)\. Set {variable} to "):
            check_folders()
