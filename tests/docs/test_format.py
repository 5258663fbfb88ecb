"""The specification of the format says what the code does: its tables, limits and test vectors are checked here."""

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

import attrs
import pytest

import modelver as mv
from modelver.cache.heads import HeadMemory
from modelver.content.transfer import MAX_MAP
from modelver.errors import InvalidValue
from modelver.history import event
from modelver.history.checkpoint import MAX_CHECKPOINT, _Checkpoint, decode_checkpoint, encode_checkpoint
from modelver.history.commit import (
    MAX_COMMIT,
    CheckpointDigest,
    Commit,
    commit_digest,
    decode_commit,
    encode_commit,
    seal,
    unseal,
)
from modelver.history.fold import replay
from modelver.history.governing import Signature
from modelver.history.state import State
from modelver.log import Log, LogPlace
from modelver.registry.base.opening import MAX_REGISTRY_FILE, parse_identity
from modelver.registry.base.reading import MAX_PROVENANCE
from modelver.storage.memory import MemoryStore
from modelver.values import file, wire
from modelver.values.canonical import MAX_DEPTH, MAX_INTEGER, decode, encode
from modelver.values.file import FileEntry, Role, media_type_of, role_of
from modelver.values.filemap import MAX_RANGE, FileMap, Range, Tensor
from modelver.values.making import Architecture, Port, Prompt, Step
from modelver.values.manifest import MAX_MANIFEST, Manifest
from modelver.values.name import MAX_SEGMENT
from modelver.values.path import MAX_PART, MAX_PATH
from modelver.values.provenance import Code, Environment, Host, Provenance, Run
from modelver.values.reading import Breach, Reading, RuleAnswer
from modelver.values.record import BaseModel, Changelog, Dataset, Metadata, Metric
from modelver.values.scheme import MAX_VERSION
from modelver.values.verdict import Verdict
from tests.logs import Watched

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "format.md").read_text(encoding="utf-8")
VECTORS = {
    key: (text.encode(), sha256)
    for key, text, sha256 in re.findall(
        r"<!-- vector: (\S+) -->\n```text\n(.*?)\n```\n\nSHA-256 `([0-9a-f]{64})`", PAGE, re.DOTALL
    )
}
CONFIG = b'{"threshold":0.5}'
PREFIX = "models/acme--fraud"


def block(name: str) -> str:
    """Return the block that follows a mark in the page."""
    found = re.search(rf"<!-- {name} -->\n```\w+\n(.*?)\n```", PAGE, re.DOTALL)
    assert found, f"the page has no block {name}"
    return found[1]


def table(name: str) -> list[list[str]]:
    """Return the cells of the table that follows a mark in the page, without its head."""
    found = re.search(rf"<!-- {name} -->\n((?:\|.*\n)+)", PAGE)
    assert found, f"the page has no table {name}"
    rows = [[cell.strip() for cell in line.strip("|\n").split(" |")] for line in found[1].splitlines()]
    return rows[2:]


def words(cell: str) -> list[str]:
    """Return what is set in code type in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def fields_of(kind: type, also: Iterable[str] = ()) -> set[str]:
    """Return the fields of a value as JSON has them."""
    return {field.name for field in attrs.fields(kind)} - {"unknown"} | set(also)


KINDS: dict[str, set[str]] = {
    "founding": {"format", "registry", "created_at", "options"},
    "Manifest": fields_of(Manifest, ["format"]),
    "Commit": fields_of(Commit, ["format"]),
    "Checkpoint": fields_of(_Checkpoint),
    **{
        kind.__name__: fields_of(kind)
        for kind in (
            *(FileEntry, Metadata, Metric, Dataset, BaseModel, Changelog, FileMap, Range, Tensor),
            *(Provenance, Code, Environment, Host, Run, CheckpointDigest, event.Previous),
            *(Signature, Verdict, Breach, RuleAnswer, Reading),
            *(Architecture, Port, Step, Prompt),
        )
    },
    **{name: fields_of(kind) for name, kind in event._KINDS.items()},
}


@pytest.mark.parametrize("name", KINDS)
def test_every_field_is_specified(name: str) -> None:
    """Each class on the wire has a table with exactly its fields, each with a type and a meaning."""
    rows = table(f"fields: {name}")
    assert {words(row[0])[0] for row in rows} == KINDS[name]
    assert all(len(row) == 3 and all(row) for row in rows)


def test_no_table_describes_what_is_not_there() -> None:
    """Every table of fields belongs to a class."""
    assert set(re.findall(r"<!-- fields: (\S+) -->", PAGE)) == set(KINDS)


def test_the_canonical_examples_hold() -> None:
    """Each JSON text of the page has the canonical spelling beside it."""
    pairs = json.loads(block("canonical"))
    assert len(pairs) >= 8
    for text, canonical in pairs:
        assert encode(decode(text.encode(), what=text)).decode() == canonical


def test_the_refused_examples_are_refused() -> None:
    """Each text that the page calls refused is."""
    for text in json.loads(block("refused")):
        with pytest.raises(InvalidValue):
            decode(text.encode(), what=text)


def test_the_roles_are_the_codes() -> None:
    """The table of roles has every name and suffix that the code knows, and no other."""
    names: dict[str, Role] = {}
    suffixes: dict[str, Role] = {}
    for role, folder, part, name, suffix in table("roles"):
        known = Role(words(role)[0])
        names |= dict.fromkeys(words(name), known)
        suffixes |= dict.fromkeys(words(suffix), known)
        for example in [f"a/{one}/b.bin" for one in words(folder)] + [f"a{one}.bin" for one in words(part)]:
            assert role_of(example) is known
    assert (names, suffixes) == (file._ROLES_BY_NAME, file._ROLES_BY_SUFFIX)
    assert {Role(words(row[0])[0]) for row in table("roles")} == set(Role)


def test_the_media_types_are_the_codes() -> None:
    """The table of media types likewise."""
    said = {suffix: words(row[1])[0] for row in table("media types") for suffix in words(row[0])}
    assert said == file._MEDIA_TYPES
    assert all(media_type_of(f"x.{suffix}") == media_type for suffix, media_type in said.items())


def test_the_limits_are_the_codes() -> None:
    """The numbers of the page are those that readers use."""
    said = {what: int(re.sub(r"[^0-9]", "", limit)) for what, limit in table("limits")}
    assert said == {
        "founding file": MAX_REGISTRY_FILE,
        "commit": MAX_COMMIT,
        "checkpoint": MAX_CHECKPOINT,
        "manifest": MAX_MANIFEST,
        "file map": MAX_MAP,
        "provenance": MAX_PROVENANCE,
        "range of a file map": MAX_RANGE,
        "path of a file": MAX_PATH,
        "part of a path": MAX_PART,
        "segment of a name": MAX_SEGMENT,
        "version": MAX_VERSION,
        "commit id": 200,
        "JSON nesting": MAX_DEPTH,
        "JSON integers": MAX_INTEGER,
    }


def weights() -> bytes:
    """Return the weight file of the test vectors."""
    return bytes.fromhex(block("weights"))


def objects() -> dict[str, bytes]:
    """Return all objects of the registry that the test vectors are."""
    found = {key: data for key, (data, _) in VECTORS.items()}
    for data in (CONFIG, weights()):
        sha256 = hashlib.sha256(data).hexdigest()
        found[f"blobs/sha256/{sha256[:2]}/{sha256}"] = data
    return found


def test_each_vector_has_the_sha256_that_is_said() -> None:
    """And a blob's name is its SHA-256."""
    assert len(VECTORS) == 10
    for key, (data, sha256) in VECTORS.items():
        assert hashlib.sha256(data).hexdigest() == sha256
        if key.startswith("blobs/"):
            assert key == f"blobs/sha256/{sha256[:2]}/{sha256}"


def test_each_vector_is_read_and_written_again() -> None:
    """Decoding and encoding gives the same bytes, for every kind of object."""
    kinds = {"map": FileMap, "provenance": Provenance}
    seen = set()
    for key, (data, _) in VECTORS.items():
        if "/log/" in key:
            assert encode_commit(decode_commit(data, what=key)) == data
        elif "/checkpoints/" in key:
            state = decode_checkpoint(data, what=key)
            assert state is not None
            assert encode_checkpoint(state) == data
        elif key == "modelver.json":
            assert seal(unseal(data, what=key)) == data
        elif b'"format":1' in data:
            assert Manifest.from_bytes(data, what=key).to_bytes() == data
        else:
            kind = "provenance" if data.startswith(b'{"code"') else "map"
            seen.add(kind)
            assert wire.to_bytes(wire.from_bytes(data, kinds[kind], what=key)) == data
    assert seen == set(kinds)


def test_the_vectors_are_a_log_that_reads(tmp_path: Path) -> None:
    """A new reader follows the chain, starts at the checkpoint that commit 3 vouches for, and sees what the page tells."""
    store = MemoryStore(uuid4().hex)
    for key, data in objects().items():
        store.put_new(key, data)
    identity = parse_identity(VECTORS["modelver.json"][0], what="modelver.json")
    assert identity.root == commit_digest(VECTORS["modelver.json"][0])
    watched = Watched(store)
    place = LogPlace(PREFIX, identity.registry, "acme--fraud", identity.root)
    log = Log(watched, place, HeadMemory(tmp_path), None)
    state = log.state()
    assert f"{PREFIX}/log/{1:020d}.json" not in watched.read
    assert state == replay(State(0, identity.root), log.commits())
    assert log.check() == (state, None)
    assert (state.seq, state.model, list(state.versions), list(state.aliases)) == (
        4,
        "acme/Fraud",
        ["1.0.0"],
        ["production"],
    )
    pin = state.pin("production")
    assert pin is not None
    assert pin.mark.message == "It stays until the audit is over."
    assert state.commit_ids == {"nightly-1": 2}
    commit, _ = log.commit(3)
    assert commit.clock < commit.at
    assert commit.events[1] == event.UnknownEvent("quarantined", {"type": "quarantined", "version": "1.0.0"})


def test_the_vectors_are_a_registry_that_verifies(tmp_path: Path) -> None:
    """Written to a folder, they are a registry that opens, verifies and loads."""
    for key, data in objects().items():
        place = tmp_path / "registry" / key
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    registry = mv.Registry(tmp_path / "registry")
    report = registry.verify()
    assert report, str(report)
    version = registry.get("acme/fraud:1.0.0")
    assert version.metadata.intended_use == ("Scoring card payments.",)
    assert version.provenance.code is not None
    assert version.provenance.code.branch == "main"
    loaded = registry.load("acme/fraud:1.0.0", verify="full")
    assert (loaded / "config.json").read_bytes() == CONFIG
    assert (loaded / "weights.safetensors").read_bytes() == weights()


def test_registering_the_same_gives_the_same_digests(tmp_path: Path) -> None:
    """The statement of the page, registered today, has the manifest and the file maps of the page, byte for byte."""
    version = mv.Registry(tmp_path / "registry").register(
        "acme/Fraud",
        {"config.json": CONFIG, "weights.safetensors": weights()},
        changelog="First version.",
        metrics=[mv.Metric("f1", 0.91, dataset="eval-v3", direction="higher")],
        params={"lr": 3e-4, "layers": [2, 4]},
        metadata={"intended_use": "Scoring card payments."},
        tags={"team": "risk"},
        capture=False,
    )
    theirs = decode_commit(VECTORS[f"{PREFIX}/log/{2:020d}.json"][0], what="commit 2").events[0]
    assert isinstance(theirs, event.Registered)
    assert version.digest == theirs.digest
    stored = (tmp_path / "registry" / PREFIX / "log" / f"{2:020d}.json").read_bytes()
    ours = decode_commit(stored, what="our commit 2").events[0]
    assert isinstance(ours, event.Registered)
    assert ours.maps == theirs.maps
