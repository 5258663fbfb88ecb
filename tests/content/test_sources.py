"""What a publisher hands over: which files it stands for, under which paths, and what is refused."""

import os
import socket
from pathlib import Path

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.content.sources import Gathered, gather
from modelver.errors import InvalidValue, LimitExceeded, ModelverError, NotFound, StoreError, UnsafePath
from modelver.storage.remote_source import RemoteFile
from modelver.values.file import Role
from tests.registries import ordinary_account, write_tree


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """Give a folder as training leaves it."""
    return write_tree(
        tmp_path / "build",
        {
            "model.safetensors": b"w",
            "config.json": "{}",
            "prompts/system.txt": "Hi",
            "tokenizer.json": "{}",
            "deep/er/README.md": "#",
        },
    )


def found(sources: object, **prompts: object) -> dict[str, Role]:
    """Return the paths and roles of the files that sources stand for."""
    gathered = gather(sources, prompts, {})  # type: ignore[arg-type] # as a caller gives them
    return {source.path: source.role for source in gathered.sources}


def test_a_folder_stands_for_all_files_in_it(build: Path) -> None:
    """Files keep their relative paths, sorted by code point, and their roles are told by these."""
    assert list(found(build).items()) == [
        ("config.json", Role.CONFIG),
        ("deep/er/README.md", Role.DOC),
        ("model.safetensors", Role.WEIGHTS),
        ("prompts/system.txt", Role.PROMPT),
        ("tokenizer.json", Role.TOKENIZER),
    ]


def test_a_file_stands_for_itself(build: Path) -> None:
    """A single file goes in under its name."""
    assert found(build / "model.safetensors") == {"model.safetensors": Role.WEIGHTS}
    assert found(str(build / "deep" / "er" / "README.md")) == {"README.md": Role.DOC}


def test_a_list_keeps_the_names_of_what_is_in_it(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files go in under their names, folders with theirs, the working folder too."""
    monkeypatch.chdir(build / "prompts")
    assert list(found([build / "config.json", f"{build}/deep/", "."])) == [
        "config.json",
        "deep/er/README.md",
        "prompts/system.txt",
    ]


def test_a_mapping_says_where_each_source_goes(build: Path) -> None:
    """Files, folders and bytes go where the mapping says; an empty path is the top."""
    sources = {
        "": build / "deep",
        "weights/a.bin": build / "model.safetensors",
        "p": build / "prompts",
        "b.txt": b"b",
    }
    assert list(found(sources)) == ["b.txt", "er/README.md", "p/system.txt", "weights/a.bin"]


def test_home_folders_and_file_urls_are_local(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` is the home folder, and a `file:///` address is read where it is, quoted characters too."""
    monkeypatch.setenv("HOME", str(build))
    assert found("~/config.json") == {"config.json": Role.CONFIG}
    write_tree(build, {"a b.bin": b"1"})
    gathered = gather(f"file://{build}/a%20b.bin", {}, {})
    assert [(source.path, source.origin) for source in gathered.sources] == [("a b.bin", build / "a b.bin")]
    assert found(build.as_uri()) == found(build)


def test_an_address_elsewhere_is_listed(tmp_path: Path) -> None:
    """An fsspec URL stands for a file, or for all below a folder."""
    memory = fsspec.filesystem("memory")
    memory.pipe({f"{tmp_path}/m/model.onnx": b"1", f"{tmp_path}/m/prompts/user.md": b"2"})
    url = f"memory:/{tmp_path}/m"
    assert found(url) == {"model.onnx": Role.WEIGHTS, "prompts/user.md": Role.PROMPT}
    assert found(f"{url}/model.onnx") == {"model.onnx": Role.WEIGHTS}
    assert list(found([f"{url}/"])) == ["m/model.onnx", "m/prompts/user.md"]
    assert found({"renamed.onnx": f"{url}/model.onnx"}) == {"renamed.onnx": Role.WEIGHTS}
    (source,) = gather(f"{url}/model.onnx", {}, {}).sources
    assert isinstance(source.origin, RemoteFile)
    with pytest.raises(NotFound, match="missing"):
        gather(f"{url}/nothing", {}, {})


def test_litter_is_left_out_and_said(build: Path) -> None:
    """Top-level `.git*`, bytecode, and what file managers and editors leave are left out; other hidden files are not."""
    litter = {
        ".git/config": "",
        ".gitignore": "",
        "__pycache__/a.pyc": "",
        "deep/.DS_Store": "",
        "a.txt~": "",
    }
    before = list(found(build))
    write_tree(build, litter | {".env": "", "deep/.gitkeep": ""})  # type: ignore[arg-type] # dict of texts
    gathered = gather(build, {}, {})
    assert [source.path for source in gathered.sources] == sorted([*before, ".env", "deep/.gitkeep"])
    assert set(gathered.left_out) == {".git", ".gitignore", "__pycache__", "deep/.DS_Store", "a.txt~"}


def test_litter_that_is_named_goes_in(build: Path) -> None:
    """What the caller gives by itself is registered, whatever it is called."""
    write_tree(build, {".gitignore": "x"})
    assert found({"ignore": build / ".gitignore"}) == {"ignore": Role.OTHER}


def test_a_link_within_its_folder_is_the_file(build: Path) -> None:
    """A symbolic link is registered as what it points to."""
    (build / "link.json").symlink_to("config.json")
    gathered = gather(build, {}, {})
    origins = {source.path: source.origin for source in gathered.sources}
    assert origins["link.json"] == (build / "config.json").resolve()


def test_a_source_may_be_a_link_itself(build: Path) -> None:
    """Whoever names a link means what it points to, a folder too."""
    (build.parent / "current").symlink_to(build)
    assert found(build.parent / "current") == found(build)


@pytest.mark.parametrize("target", ["../secret", "/etc/hostname", "deep/../../secret"])
def test_a_link_out_of_its_folder_is_refused(build: Path, target: str) -> None:
    """A link that leaves the folder could hand out any file: UnsafePath names it."""
    (build.parent / "secret").write_text("s")
    (build / "link").symlink_to(target)
    with pytest.raises(UnsafePath, match="leaves its folder"):
        gather(build, {}, {})


def test_a_link_to_a_folder_is_refused(build: Path) -> None:
    """Even within the folder: walking it could go in circles."""
    (build / "loop").symlink_to(build)
    with pytest.raises(UnsafePath, match="symbolic link"):
        gather(build, {}, {})


def test_a_link_to_nothing_is_missing(build: Path) -> None:
    """A dangling link is NotFound."""
    (build / "link").symlink_to("nothing")
    with pytest.raises(NotFound, match="points nowhere"):
        gather(build, {}, {})


@pytest.mark.parametrize("where", ["inside", "itself"])
def test_only_regular_files_are_registered(build: Path, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pipes and sockets are refused before anything waits for them."""
    os.mkfifo(build / "pipe")
    with pytest.raises(InvalidValue, match=r"neither a file nor a folder|not a regular file"):
        gather(build if where == "inside" else build / "pipe", {}, {})
    (build / "pipe").unlink()
    monkeypatch.chdir(build)  # a socket's address is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        with pytest.raises(InvalidValue, match=r"neither a file nor a folder|not a regular file"):
            gather(build if where == "inside" else build / "socket", {}, {})


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.txt": b"1", "A.TXT": b"2"}, "A.TXT"),
        ({"caf\u00e9": b"1", "cafe\u0301": b"2"}, "one path"),
        ({"ss": b"1", "\u00df": b"2"}, "one on Windows or macOS"),
        ({"a": b"1", "a/b": b"2"}, "a file and a folder"),
        ({"Data/a": b"1", "data/b": b"2"}, "folders would be one"),
        ({"../a": b"1"}, r"\.\."),
        ({"/a": b"1"}, "relative"),
        ({"a/./b": b"1"}, "parts"),
        ({"C:a": b"1"}, "portable"),
        ({"a\\b": b"1"}, "portable"),
        ({"nul.txt": b"1"}, "Windows"),
        ({"a.": b"1"}, "Windows"),
        ({"a\nb": b"1"}, "portable"),
        ({"\udc80": b"1"}, "portable|Unicode"),
    ],
)
def test_paths_that_can_t_be_everywhere_are_refused(files: dict[str, bytes], message: str) -> None:
    """The same rules hold on every platform, and the message names the path."""
    with pytest.raises(InvalidValue, match=message):
        gather(files, {}, {})


def test_paths_that_are_too_long_are_refused() -> None:
    """A path has at most 1024 bytes, and a part of it 255."""
    for path in ("a" * 256, "a/" * 600 + "a"):
        with pytest.raises(LimitExceeded):
            gather({path: b"1"}, {}, {})


def test_one_path_is_given_once(build: Path) -> None:
    """Two sources for one path are refused, wherever they come from."""
    with pytest.raises(InvalidValue, match=r"config\.json"):
        gather([build / "config.json", build / "config.json"], {}, {})
    with pytest.raises(InvalidValue, match=r"prompts/system\.txt"):
        gather(build, {"system": b"Hello"}, {})


def test_nothing_is_not_registered(tmp_path: Path) -> None:
    """An empty folder, an empty list and an empty mapping are nothing; so is a folder of litter."""
    (tmp_path / "empty" / ".git").mkdir(parents=True)
    for nothing in (tmp_path / "empty", [], {}):
        with pytest.raises(InvalidValue, match="nothing to register"):
            gather(nothing, {}, {})  # type: ignore[arg-type] # mypy sees one type


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    """A missing source is NotFound with its absolute path; so is one below a file."""
    (tmp_path / "file").touch()
    for missing in (tmp_path / "nothing", tmp_path / "file" / "below"):
        with pytest.raises(NotFound, match=str(missing)):
            gather(missing, {}, {})


def test_what_can_t_be_looked_into_is_a_store_error() -> None:
    """A folder without the right to read it is told as such, and not taken for an empty one."""
    with ordinary_account() as folder:
        write_tree(folder, {"closed/inner/a": "1"})
        (folder / "closed" / "inner").chmod(0)
        try:
            with pytest.raises(StoreError, match="Permission denied"):
                gather(folder, {}, {})
            with pytest.raises(StoreError, match="Permission denied"):
                gather(folder / "closed" / "inner" / "a", {}, {})
        finally:
            (folder / "closed" / "inner").chmod(0o700)


@pytest.mark.parametrize(
    "source",
    [
        None,
        5,
        1.5,
        object(),
        [None],
        {"a": 5},
        {5: b"1"},
        "",
        "a\0b",
        [""],
        "file://host/a",
        b"bytes",
        [b"1"],
    ],
)
def test_what_is_no_source_is_refused(source: object) -> None:
    """Anything but paths, addresses and bytes with a path is InvalidValue, not a crash."""
    with pytest.raises(InvalidValue):
        gather(source, {}, {})  # type: ignore[arg-type] # on purpose


def test_prompts_are_named(build: Path) -> None:
    """A named prompt goes below `prompts/`, with the suffix of its file, and is a prompt whatever that is."""
    gathered = found(
        build / "config.json", system=build / "deep/er/README.md", user=b"Hi", tool=build / "config.json"
    )
    assert gathered == {
        "config.json": Role.CONFIG,
        "prompts/system.md": Role.PROMPT,
        "prompts/tool.json": Role.PROMPT,
        "prompts/user.txt": Role.PROMPT,
    }


@pytest.mark.parametrize("name", ["", ".", "..", "a.b", "../a", "a/../b", "/a", "a b/", "x\0", "prompts/x"])
def test_a_prompt_s_name_leads_back_to_it(name: str) -> None:
    """A name that could not be asked for later, or that leaves the folder, is refused."""
    with pytest.raises(InvalidValue):
        gather({"a": b"1"}, {name: b"text"}, {})


def test_a_prompt_is_one_file(build: Path) -> None:
    """A folder is no prompt; a text instead of a file is explained."""
    with pytest.raises(InvalidValue, match="one file"):
        gather({"a": b"1"}, {"system": build}, {})
    with pytest.raises(NotFound, match=r"text\.encode"):
        gather({"a": b"1"}, {"system": "You are a fraud analyst."}, {})


parts = st.sampled_from(
    ["a", "B", "é", "..", ".", "", "con", "x.txt", "~", "c:", " ", "a ", ".git", "\u202e"]
)


@given(
    st.dictionaries(st.lists(parts, min_size=1, max_size=3).map("/".join), st.binary(max_size=3), max_size=4)
)
def test_whatever_is_handed_over_is_portable_or_refused(files: dict[str, bytes]) -> None:
    """Gathering gives sorted, distinct paths that stay in their folder, or one of our errors."""
    try:
        gathered: Gathered = gather(files, {}, {})
    except ModelverError:
        return
    paths = [source.path for source in gathered.sources]
    assert paths == sorted(set(paths))
    assert not any(path.startswith("/") or ".." in path.split("/") for path in paths)
    assert len(paths) == len(files)
