"""Where the user's cache is, and when it is trusted."""

from pathlib import Path

import pytest

from modelver.cache.place import cache_dir, in_profile, is_private, make_private, platform_cache
from modelver.errors import StoreError


def test_an_explicit_folder_wins_over_the_variable(tmp_path: Path) -> None:
    """What the caller says comes first."""
    assert cache_dir(tmp_path / "mine") == tmp_path / "mine"


def test_the_variable_wins_over_the_platform(private_cache: Path) -> None:
    """`MODELVER_CACHE` names the folder."""
    assert cache_dir() == private_cache


def test_a_relative_folder_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later change of the working folder doesn't move the cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODELVER_CACHE", "here")
    assert cache_dir() == tmp_path / "here"


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` is understood in the variable, since some tools pass it on unexpanded."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MODELVER_CACHE", "~/cache")
    assert cache_dir() == tmp_path / "cache"


def test_an_empty_variable_counts_as_unset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty `MODELVER_CACHE` falls back to the platform's folder inside of the home folder."""
    monkeypatch.setenv("MODELVER_CACHE", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_dir().is_relative_to(tmp_path)


def test_an_account_without_a_home_gets_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers run accounts that no password file knows; they get a temporary folder."""

    def no_home() -> Path:
        raise RuntimeError

    monkeypatch.delenv("MODELVER_CACHE")
    monkeypatch.setattr(Path, "home", no_home)
    assert cache_dir().name.startswith("modelver-")


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, "/home/ann/.cache/modelver"),
        ("linux", {"XDG_CACHE_HOME": "/scratch/ann"}, "/scratch/ann/modelver"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "/home/ann/.cache/modelver"),
        ("linux", {"XDG_CACHE_HOME": ""}, "/home/ann/.cache/modelver"),
        ("darwin", {"XDG_CACHE_HOME": "/ignored"}, "/home/ann/Library/Caches/modelver"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/modelver/Cache"),
        ("win32", {}, "/home/ann/AppData/Local/modelver/Cache"),
    ],
)
def test_each_platform_has_its_place(platform: str, variables: dict[str, str], expected: str) -> None:
    """The folder is where the platform's conventions put caches."""
    assert platform_cache(platform, variables, Path("/home/ann")) == Path(expected)


def test_the_folder_is_made_for_this_user_alone(tmp_path: Path) -> None:
    """A new cache folder has mode 0700, and is private."""
    folder = make_private(tmp_path / "deep" / "cache")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert is_private(folder)


def test_an_existing_folder_keeps_its_mode(tmp_path: Path) -> None:
    """Making a folder that exists changes nothing about it."""
    (tmp_path / "cache").mkdir(mode=0o755)
    assert make_private(tmp_path / "cache").stat().st_mode & 0o777 == 0o755


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    """The message names the folder and the variable that moves it."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="MODELVER_CACHE") as caught:
        make_private(tmp_path / "file" / "cache")
    assert caught.value.where == str(tmp_path / "file" / "cache")


@pytest.mark.parametrize(("mode", "private"), [(0o700, True), (0o755, True), (0o770, False), (0o707, False)])
def test_a_folder_that_others_write_to_is_not_private(tmp_path: Path, mode: int, private: bool) -> None:
    """Others may read a private folder, but not write to it."""
    tmp_path.chmod(mode)
    assert is_private(tmp_path) is private


def test_a_folder_of_another_account_is_not_private(foreign_folder: Path) -> None:
    """Only the user's own folder is trusted."""
    assert not is_private(foreign_folder)


def test_what_does_not_exist_is_not_private(tmp_path: Path) -> None:
    """Nothing can be trusted where nothing is."""
    assert not is_private(tmp_path / "missing")


def test_without_account_numbers_the_profile_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows a path is private inside of the user's profile."""
    inside, outside = tmp_path / "home" / "cache", tmp_path / "shared"
    inside.mkdir(parents=True)
    outside.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delattr("os.geteuid")
    assert (is_private(inside), is_private(outside)) == (True, False)
    assert not in_profile(inside / ".." / ".." / "shared")
