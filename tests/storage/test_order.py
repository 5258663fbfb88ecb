"""The order of syncs: what was acknowledged is durable whatever order a file system keeps by itself."""

from pathlib import Path

import pytest

from . import scenario
from .faults import Call, traced

VERBS = ["put_new", "put_blob", "incoming", "adopt"]


def synced(calls: tuple[Call, ...], path: Path) -> list[int]:
    """Return when a file or folder was synced, as positions among the calls."""
    return [at for at, call in enumerate(calls) if call.name == "fsync" and f"<{path}>" in call.text]


def named(calls: tuple[Call, ...], path: Path) -> int:
    """Return when a path got its name, or -1 where it had it before."""
    made = [
        at
        for at, call in enumerate(calls)
        if call.name in {"mkdir", "mkdirat", "link", "linkat"} and f'{path}"' in call.text
    ]
    return made[-1] if made else -1


@pytest.mark.parametrize("verb", VERBS)
def test_bytes_are_synced_before_they_get_their_key_and_the_key_after(verb: str, tmp_path: Path) -> None:
    """A key never leads to bytes that are not on the disk, and is on the disk itself when the write returns."""
    root = tmp_path / "registry"
    calls = traced(verb, root).calls
    link = named(calls, root / scenario.KEY)
    linked = Path(calls[link].text.split('"')[1])
    source = scenario.source_of(root) if verb == "adopt" else linked
    assert synced(calls, source)[0] < link
    assert synced(calls, (root / scenario.KEY).parent)[-1] > link


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("there", [False, True])
def test_every_folder_above_an_object_is_synced_into_its_parent(
    verb: str, there: bool, tmp_path: Path
) -> None:
    """Folders are durable before they are used; those that are there already may have been made a moment ago."""
    root = tmp_path / "registry"
    key = root / scenario.KEY
    if there:
        key.parent.mkdir(parents=True)
    calls = traced(verb, root).calls
    for folder in (root, *(root / parent for parent in key.relative_to(root).parents)):
        assert any(named(calls, folder) < at < named(calls, key) for at in synced(calls, folder.parent)), (
            folder
        )


@pytest.mark.parametrize("verb", ["put_blob", "incoming"])
def test_a_blob_that_is_there_is_synced_before_it_is_relied_on(verb: str, tmp_path: Path) -> None:
    """Whoever stored it may not have synced its name yet, when we are about to commit what names it."""
    root = tmp_path / "registry"
    key = root / scenario.KEY
    key.parent.mkdir(parents=True)
    key.write_bytes(scenario.content(5000))
    calls = traced(verb, root).calls
    for folder in (key.parent, *key.parent.relative_to(tmp_path).parents):
        assert synced(calls, tmp_path / folder), folder
