"""A writer may die, or be failed by the system, at any of its system calls: nothing is ever half there."""

from pathlib import Path

import pytest

from modelver.errors import AlreadyExists
from modelver.storage.local import LocalStore

from . import scenario
from .faults import SIZE, traced

VERBS = [
    "put_new",
    *(pytest.param(verb, marks=pytest.mark.full) for verb in ("adopt", "put_blob", "incoming")),
]
DATA = scenario.content(SIZE)
WHOLE = {scenario.KEY: DATA}


def behind(root: Path) -> dict[str, bytes]:
    """Return all files of a store's folder."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def visible(root: Path) -> dict[str, bytes]:
    """Return the objects that a reader finds, which are whole."""
    store = LocalStore(root)
    found = {entry.key: store.get(entry.key, limit=SIZE) for entry in store.list("")}
    assert found in ({}, WHOLE)
    return found


def complete(verb: str, root: Path) -> None:
    """Do what the next run does, and one write more, since it is the first write that clears the litter."""
    store = LocalStore(root)
    if scenario.KEY not in visible(root) or verb == "adopt":
        assert scenario.write(verb, store, DATA)
    elif verb == "put_new":
        with pytest.raises(AlreadyExists):
            store.put_new(scenario.KEY, DATA)
    store.put_new("another", b"1")
    assert behind(root) == {**WHOLE, "another": b"1"}


@pytest.mark.parametrize("verb", VERBS)
def test_a_writer_killed_at_any_call_leaves_the_object_whole_or_absent(verb: str, tmp_path: Path) -> None:
    """After a kill at each call that changes files, readers see all or nothing, and the next run completes it."""
    calls = [call for call in traced(verb, tmp_path / "whole" / "registry").calls if call.changes]
    assert {call.name for call in calls} >= {"openat", "mkdir", "fsync", "unlink"}
    seen = set()
    for call in calls:
        root = tmp_path / f"{call.name}-{call.number}" / "registry"
        killed = traced(verb, root, inject=(f"{call.name}:signal=KILL:when={call.number}",))
        assert killed.outcome == "killed"
        assert (killed.calls[-1].name, killed.calls[-1].number) == (call.name, call.number)
        if verb == "adopt":
            assert scenario.source_of(root).read_bytes() == DATA
        seen.add(bool(visible(root)))
        complete(verb, root)
    assert seen == {False, True}


@pytest.mark.parametrize("error", ["EIO", pytest.param("ENOSPC", marks=pytest.mark.full)])
@pytest.mark.parametrize("verb", VERBS)
def test_whichever_call_fails_the_outcome_is_told_as_it_is(verb: str, error: str, tmp_path: Path) -> None:
    """Done means whole. A creation's StoreError means absent. What may be either is CommitUnknown, or a blob's error."""
    for call in traced(verb, tmp_path / "whole" / "registry").calls:
        if verb == "incoming" and call.name == "write":
            continue  # the caller's own
        root = tmp_path / f"{call.name}-{call.number}" / "registry"
        failed = traced(verb, root, inject=(f"{call.name}:error={error}:when={call.number}",))
        assert [injected.name for injected in failed.calls if "INJECTED" in injected.text] == [call.name]
        found = visible(root)
        if verb == "put_new":
            assert failed.outcome in ({"done", "CommitUnknown"} if found else {"StoreError", "CommitUnknown"})
        else:
            assert failed.outcome in ({"done", "StoreError"} if found else {"left alone", "StoreError"})
        if verb == "adopt":
            assert scenario.source_of(root).read_bytes() == DATA
        complete(verb, root)
