"""Logs that others wrote: a newer release's, and a hostile publisher's, whose chain and digests are all right."""

import json
from pathlib import Path

import attrs
import pytest

import modelver as mv
from modelver.history.commit import seal, unseal
from modelver.history.event import (
    Annotated,
    Event,
    Indexed,
    Registered,
    SweepDone,
    SweepStarted,
    UnknownEvent,
)
from modelver.log import Proposal
from modelver.storage.layout import blob_key, numbered_key
from modelver.values import wire
from tests.registries import MODEL, publish, snapshot

NAME = mv.ModelName(MODEL)


def append(registry: mv.Registry, *events: Event) -> None:
    """Write events as they are."""
    registry._session.log(NAME).append(lambda _: Proposal(events), by="stranger")


def put(registry: mv.Registry, data: bytes) -> mv.Digest:
    """Store a blob."""
    digest = mv.Digest.of(data)
    registry._session.store.put_blob(blob_key(digest), data)
    return digest


def manifest(**fields: object) -> bytes:
    """Return a manifest of version 6.6.6, with some fields of another kind."""
    files = [{"path": "model.bin", "size": 7, "sha256": mv.Digest.of(b"weights").hex}]
    return json.dumps({"format": 1, "model": MODEL, "version": "6.6.6", "files": files, **fields}).encode()


def entry(path: str, **fields: object) -> dict[str, object]:
    """Return a file's entry."""
    return {"path": path, "size": 7, "sha256": mv.Digest.of(b"weights").hex, **fields}


HOSTILE = {
    "no JSON": b"weights",
    "no object": b"[]",
    "another format": manifest(format=2),
    "another model": manifest(model="acme/other"),
    "another version": manifest(version="1.0.0"),
    "path out": manifest(files=[entry("../../evil")]),
    "absolute path": manifest(files=[entry("/evil")]),
    "backslashes": manifest(files=[entry("..\\evil")]),
    "drive": manifest(files=[entry("C:/evil")]),
    "device": manifest(files=[entry("con")]),
    "one on macOS": manifest(files=[entry("a"), entry("A")]),
    "file and folder": manifest(files=[entry("a"), entry("a/b")]),
    "negative size": manifest(files=[entry("a", size=-1)]),
    "no digest": manifest(files=[entry("a", sha256="../../../../etc/passwd")]),
    "deep": b'{"a":' * 100 + b"1" + b"}" * 100,
    "large": b" " * (16 * 2**20 + 1),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_manifest_hurts_nobody(
    kind: str, registry: mv.Registry, root: Path, private_cache: Path
) -> None:
    """Its digest is right, and still every reader refuses it; nothing is written anywhere, and `verify` names it."""
    good = publish(registry)
    digest = put(registry, HOSTILE[kind])
    append(registry, Registered("6.6.6", digest))
    before = snapshot(root.parent)
    stranger = mv.Registry(root)
    assert len(stranger.versions(MODEL)) == 2
    version = stranger.get(f"{MODEL}:6.6.6")
    reads = (
        lambda: version.files,
        lambda: stranger.load(version),
        lambda: stranger.load(version, to=root.parent / "mine"),
        lambda: stranger.compare(good, version),
    )
    for read in reads:
        with pytest.raises((mv.Corrupt, mv.InvalidValue)):
            read()
    assert snapshot(root.parent) == before
    assert not list(private_cache.rglob("*evil*"))
    assert [finding.object for finding in stranger.verify().findings] == [blob_key(digest)]
    assert (stranger.load(good) / "model.bin").read_bytes() == b"weights"


def test_sizes_that_lie_are_found(registry: mv.Registry) -> None:
    """A manifest that says another size than its blob has is refused when it is loaded, and by `verify`."""
    publish(registry)
    append(registry, Registered("6.6.6", put(registry, manifest(files=[entry("a", size=5)]))))
    with pytest.raises(mv.IntegrityError, match="damaged"):
        registry.load(f"{MODEL}:6.6.6")
    assert mv.Digest.of(b"weights").hex in str(registry.verify())
    assert mv.Digest.of(b"weights").hex in str(registry.verify(f"{MODEL}:6.6.6"))


def test_a_missing_manifest_is_told(registry: mv.Registry) -> None:
    """NotFound with what it is, and a finding."""
    publish(registry)
    digest = mv.Digest.of(b"never stored")
    append(registry, Registered("6.6.6", digest))
    with pytest.raises(mv.NotFound, match="manifest is missing"):
        _ = registry.get(f"{MODEL}:6.6.6").files
    assert [finding.object for finding in registry.verify().findings] == [blob_key(digest)]


@pytest.mark.parametrize("data", [b"x", b'{"host":5}', b'{"environment":{"python":5}}'])
def test_provenance_that_is_none_is_refused(data: bytes, registry: mv.Registry) -> None:
    """The version can be used all the same."""
    publish(registry)
    append(registry, Registered("6.6.6", put(registry, manifest()), put(registry, data)))
    version = registry.get(f"{MODEL}:6.6.6")
    with pytest.raises(mv.InvalidValue, match="provenance"):
        _ = version.provenance
    assert (registry.load(version) / "model.bin").read_bytes() == b"weights"


def file_map(*ranges: mv.Range, size: int = 7) -> bytes:
    """Return a file map's bytes."""
    return wire.to_bytes(mv.FileMap(size, ranges))


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        file_map(),
        file_map(mv.Range(0, 3, "00" * 16)),
        file_map(mv.Range(4, 3, "00" * 16)),
        file_map(mv.Range(0, 7, "00" * 16), mv.Range(0, 7, "00" * 16)),
        file_map(mv.Range(0, 7, "00" * 16), mv.Range(7, 0, "00" * 16)),
        file_map(mv.Range(0, 8, "00" * 16), mv.Range(8, -1, "00" * 16)),
        file_map(mv.Range(0, 6, "00" * 16), size=6),
    ],
)
def test_a_map_that_does_not_cover_its_file_vouches_for_nothing(data: bytes, registry: mv.Registry) -> None:
    """Loads fall back on SHA-256: bytes that no range covers can't be changed unnoticed."""
    publish(registry)
    digest = put(registry, manifest())
    append(registry, Registered("6.6.6", digest, maps={"model.bin": put(registry, data)}))
    path = registry.load(f"{MODEL}:6.6.6") / "model.bin"
    path.chmod(0o644)
    path.write_bytes(b"Weights")
    again = registry.load(f"{MODEL}:6.6.6", verify="fast")
    assert (again / "model.bin").read_bytes() == b"weights"


def test_better_maps_replace_earlier_ones(registry: mv.Registry) -> None:
    """An `indexed` event names new maps of some files: comparisons and fast checks use them."""
    version, other = publish(registry), publish(registry, b"WEIGHTS")
    for each in (version, other):
        ranges = mv.hash_file(registry.load(each) / "model.bin").ranges
        new = mv.FileMap(7, ranges, "safetensors", (mv.Tensor("a", "int8", (7,), 0, 7),))
        maps = {"model.bin": put(registry, wire.to_bytes(new))}
        append(registry, Indexed(each.version, each.digest, maps))
    assert [row.name for row in registry.compare(version, other).tensors.changed] == ["a"]
    assert registry.load(version, verify="fast").version == "1.0.0"
    assert registry.verify()


def test_what_a_newer_release_wrote_is_passed_over(registry: mv.Registry) -> None:
    """Its events stand in the history by their names; everything else goes on."""
    version = publish(registry)
    append(registry, UnknownEvent("future", {"type": "future", "version": "1.0.0"}))
    append(registry, SweepStarted("s", ()), SweepDone("s"))
    assert [entry.action for entry in registry.history(MODEL)][2:] == [
        "future",
        "sweep_started",
        "sweep_done",
    ]
    registry.set_alias(MODEL, "production", version)
    assert registry.verify()


def test_what_must_be_understood_stops_who_does_not(registry: mv.Registry, root: Path) -> None:
    """An event may forbid old releases to write, or even to read."""
    version = publish(registry)
    append(registry, UnknownEvent("locked", {"type": "locked", "must_understand": "write"}, "write"))
    assert (registry.load(version) / "model.bin").exists()
    before = snapshot(root / "models")
    for write in (
        lambda: publish(registry, b"2"),
        lambda: registry.set_alias(MODEL, "production", version),
        lambda: registry.yank(version, reason="bad"),
    ):
        with pytest.raises(mv.InvalidValue, match="newer modelver"):
            write()
    assert snapshot(root / "models") == before


def test_a_repeated_note_is_a_note_twice(registry: mv.Registry) -> None:
    """Without an id of one's own each call is a fact of its own."""
    version = publish(registry)
    for _ in range(2):
        registry.annotate(version, "seen")
    assert registry.status(version).notes == ("seen", "seen")
    assert attrs.asdict(registry.status(version), recurse=False)["yanked"] is None


def test_forged_maps_older_than_the_checkpoint_are_not_believed(registry: mv.Registry) -> None:
    """An `indexed` event counts only in the commit that the chain leads over, however long ago that was."""
    version, other = publish(registry), publish(registry, b"WEIGHTS")
    old = put(registry, wire.to_bytes(mv.hash_file(registry.load(version) / "model.bin")))
    append(registry, Indexed(version.version, version.digest, {"model.bin": old}))
    for number in range(70):
        append(registry, Annotated(version.version, version.digest, f"note {number}"))
    log = registry._session.log(NAME).place
    assert [*(Path(registry.url) / log.checkpoints).iterdir()]
    forged = Path(registry.url) / numbered_key(log.log, 4)
    body = unseal(forged.read_bytes(), what="commit 4")
    forged.chmod(0o644)
    forged.write_bytes(seal(body.replace(old.hex.encode(), put(registry, b"evil").hex.encode())))
    with pytest.raises(mv.LogTampered):
        mv.Registry(registry.url).compare(version.ref, other.ref)
