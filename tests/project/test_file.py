"""The project file: found upwards, in two spellings, read with a cap."""

from pathlib import Path

import pytest

import modelver as mv
from modelver.project.file import MAX_FILE, find_project_file, registry_url

URL = '[registry]\nurl = "{}"\n'


def test_the_nearest_file_upwards_counts(tmp_path: Path) -> None:
    """A folder's own file hides the one above it."""
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "modelver.toml").write_text(URL.format("outer"))
    found = find_project_file(inner)
    assert found is not None
    assert found.folder == tmp_path
    (tmp_path / "a" / "modelver.toml").write_text(URL.format("inner"))
    found = find_project_file(inner)
    assert found is not None
    assert registry_url(found) == str(tmp_path / "a" / "inner")


def test_pyproject_holds_the_same_tables(tmp_path: Path) -> None:
    """[tool.modelver] is read as modelver.toml is."""
    (tmp_path / "pyproject.toml").write_text('[tool.modelver.registry]\nurl = "s3://bucket/models"\n')
    found = find_project_file(tmp_path)
    assert found is not None
    assert registry_url(found) == "s3://bucket/models"
    assert mv.Registry("memory://x").url
    (tmp_path / "modelver.toml").write_text(URL.format("own"))
    found = find_project_file(tmp_path)
    assert found is not None
    assert found.path.name == "modelver.toml"


@pytest.mark.parametrize(
    "text", ["", "[tool.black]\nline-length = 80\n", 'name = "modelver"', "[tool]\nx = 1\n"]
)
def test_a_pyproject_of_others_is_passed_over(tmp_path: Path, text: str) -> None:
    """Without our table it says nothing, whatever else it says."""
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "pyproject.toml").write_text(text)
    (tmp_path / "modelver.toml").write_text(URL.format("x"))
    found = find_project_file(inner)
    assert found is not None
    assert found.folder == tmp_path


def test_a_registry_is_found_by_pyproject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Registry() without an address takes what [tool.modelver.registry] says."""
    (tmp_path / "pyproject.toml").write_text('[tool.modelver.registry]\nurl = "models"\n')
    monkeypatch.chdir(tmp_path)
    assert mv.Registry().url == str(tmp_path / "models")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[registry\n", mv.InvalidValue),
        ("x = " + "[" * 3000, mv.InvalidValue),
        ("#" * (MAX_FILE + 1), mv.LimitExceeded),
        ("\x00", mv.InvalidValue),
    ],
)
def test_what_is_no_toml_is_refused(tmp_path: Path, text: str, error: type[mv.ModelverError]) -> None:
    """Broken, endlessly nested and huge files are named in one line."""
    (tmp_path / "modelver.toml").write_text(text)
    with pytest.raises(error, match=r"modelver\.toml"):
        find_project_file(tmp_path)
