"""Versions go from one registry into another, which keeps a log of its own, and keep their digests."""

import hashlib
import json
import uuid
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

import modelver as mv
from modelver.history.checkpoint import encode_checkpoint
from modelver.history.commit import CheckpointDigest, seal, unseal
from modelver.history.event import Annotated, SweepDone, SweepStarted
from modelver.log import Proposal
from modelver.storage.layout import numbered_key
from modelver.values.name import ModelName
from tests.registries import MODEL, objects, publish

NewRegistry = Callable[[], mv.Registry]


@pytest.fixture
def new(tmp_path: Path) -> NewRegistry:
    """Give what makes a registry of its own, as another user has it."""

    def made() -> mv.Registry:
        name = uuid.uuid4().hex
        return mv.Registry(
            tmp_path / name,
            create=True,
            actor=f"{name[:4]}@example.org",
            cache_dir=tmp_path / f"cache-{name}",
        )

    return made


def facts(registry: mv.Registry, model: str = MODEL) -> list[tuple[str, str]]:
    """Return what happened to a model, without when and by whom."""
    return [(entry.action, entry.version) for entry in registry.history(model)]


def test_a_version_keeps_its_digest(new: NewRegistry) -> None:
    """A pushed version has the same number, digest, files and provenance there, loads, and verifies."""
    source, target = new(), new()
    version = source.register(
        MODEL, {"model.bin": b"w" * 5_000_000}, metrics={"f1": 0.9}, aliases=["production"]
    )
    publish(source, b"other")
    done = source.push(version, to=target)
    found = target.get(f"{MODEL}:1.0.0")
    assert (found.digest, found.files, found.provenance) == (
        version.digest,
        version.files,
        version.provenance,
    )
    assert (target.load(found) / "model.bin").read_bytes() == b"w" * 5_000_000
    assert done.versions == (version.ref,)
    assert target.verify()
    assert [str(each.version) for each in target.versions(MODEL)] == ["1.0.0"]
    assert target.aliases(MODEL) == {}


def test_the_log_says_where_a_version_comes_from(new: NewRegistry) -> None:
    """The target's commit is by who pushed, and tells the registry, the commit and the person of the first one."""
    source, target = new(), new()
    publish(source, changelog="Better recall.")
    source.push(MODEL, to=target)
    entry = target.history(MODEL)[1]
    identity = source._session.identity.registry
    assert entry.by == target.actor
    assert entry.reason.startswith("Better recall. (from ")
    assert f"registry {identity[:12]}, commit 2, by {source.actor} at " in entry.reason
    assert str(Path(source.url).parent) not in entry.reason


def test_pushing_again_changes_nothing(new: NewRegistry) -> None:
    """A second push finds all that the first one did, whether of one version or of all."""
    source, target = new(), new()
    for number in range(3):
        publish(source, bytes([number]))
    source.push(f"{MODEL}:1.1.0", to=target)
    before = objects(Path(target.url))
    assert not source.push(f"{MODEL}:1.1.0", to=target).changed
    assert objects(Path(target.url)) == before
    done = source.push(MODEL, to=target)
    assert done.versions == (f"{MODEL}:1.0.0", f"{MODEL}:1.2.0")
    assert not source.push(MODEL, to=target).changed
    assert not target.pull(MODEL, source=source).changed


def test_what_is_learned_later_comes_along(new: NewRegistry) -> None:
    """Yanks, metrics and notes are carried, each once, in order; aliases are not."""
    source, target = new(), new()
    publish(source, b"1", aliases=["staging"])
    source.push(MODEL, to=target)
    source.record_metrics(f"{MODEL}:1.0.0", {"f1": 0.8}, dataset="prod")
    source.annotate(f"{MODEL}:1.0.0", "seen", tags={"board": "passed"})
    publish(source, b"2")
    source.set_alias(MODEL, "production", "1.1.0")
    source.delete_alias(MODEL, "production")
    source.yank(f"{MODEL}:1.1.0", reason="trained on the test set")
    done = source.push(MODEL, to=target)
    assert (done.commits, done.versions) == (4, (f"{MODEL}:1.1.0",))
    assert facts(target)[1:] == [
        ("registered", "1.0.0"),
        ("evaluated", "1.0.0"),
        ("annotated", "1.0.0"),
        ("registered", "1.1.0"),
        ("yanked", "1.1.0"),
    ]
    status = target.status(f"{MODEL}:1.1.0")
    assert status.yanked is not None
    assert status.yanked.message.startswith("trained on the test set (from ")
    assert target.status(f"{MODEL}:1.0.0").tags == {"board": "passed"}
    assert not source.push(MODEL, to=target).changed
    assert target.aliases(MODEL) == {}


def test_a_yanked_version_arrives_yanked(new: NewRegistry) -> None:
    """A version that is pushed alone brings what is known of it, a yank above all."""
    source, target = new(), new()
    publish(source)
    source.yank(f"{MODEL}:1.0.0", reason="bad")
    source.push(f"{MODEL}:1.0.0", to=target)
    assert target.status(f"{MODEL}:1.0.0").yanked


def test_facts_that_go_around_come_home_to_none(new: NewRegistry) -> None:
    """However registries push to each other, each fact is in each log once."""
    first, second, third = new(), new(), new()
    publish(first, b"1")
    first.record_metrics(f"{MODEL}:1.0.0", {"f1": 0.5})
    for _ in range(3):
        first.push(MODEL, to=second)
        second.push(MODEL, to=third)
        third.push(MODEL, to=first)
        third.push(MODEL, to=second)
        second.push(MODEL, to=first)
    third.annotate(f"{MODEL}:1.0.0", "from the third")
    for _ in range(2):
        third.push(MODEL, to=first)
        first.push(MODEL, to=second)
        second.push(MODEL, to=third)
    expected = ["created", "registered", "evaluated", "annotated"]
    assert [[action for action, _ in facts(each)] for each in (first, second, third)] == [expected] * 3
    assert all(each.verify() for each in (first, second, third))


def test_another_version_of_that_number_is_refused(new: NewRegistry) -> None:
    """Where a number has other content there, nothing at all is written."""
    source, target = new(), new()
    publish(source, b"1")
    publish(source, b"2")
    publish(target, b"9")
    publish(target, b"10")
    before = objects(Path(target.url))
    with pytest.raises(mv.AlreadyExists, match="exists there with other content"):
        source.push(MODEL, to=target)
    assert objects(Path(target.url)) == before


def test_the_same_version_made_there_is_nothing_to_do(new: NewRegistry) -> None:
    """A version that was registered in both places with one digest is one version."""
    source, target = new(), new()
    assert publish(source, b"1").digest == publish(target, b"1").digest
    assert not source.push(MODEL, to=target).changed
    source.yank(f"{MODEL}:1.0.0", reason="bad")
    assert source.push(MODEL, to=target).commits == 1
    assert target.status(f"{MODEL}:1.0.0").yanked
    target.push(MODEL, to=source)
    assert [action for action, _ in facts(source)] == ["created", "registered", "yanked"]


def test_another_scheme_is_refused(new: NewRegistry) -> None:
    """A model's scheme comes along; where the model has another one there, nothing is written."""
    source, target, other = new(), new(), new()
    source.create_model("bot", scheme="gpt4-cx-v{major}.{minor}")
    source.register("bot", {"m": b"1"}, capture=False)
    source.push("bot", to=target)
    assert target.get("bot:gpt4-cx-v1.0").version == "gpt4-cx-v1.0"
    other.create_model("bot")
    before = objects(Path(other.url))
    with pytest.raises(mv.InvalidValue, match="another version scheme there"):
        source.push("bot", to=other)
    assert objects(Path(other.url)) == before


def test_what_is_not_there_is_not_pushed(new: NewRegistry, tmp_path: Path) -> None:
    """A missing model, version or registry is not found, and nothing is made."""
    source = new()
    publish(source)
    for ref in ("acme/nothing", f"{MODEL}:9.9.9", f"{MODEL}@nothing"):
        with pytest.raises(mv.NotFound):
            source.push(ref, to=tmp_path / "new")
        with pytest.raises(mv.NotFound):
            source.push(ref, to=new())
    with pytest.raises(mv.NotFound):
        source.pull(MODEL, source=tmp_path / "new")
    with pytest.raises(mv.InvalidName):
        source.push("No Model", to=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_an_empty_place_becomes_a_copy(new: NewRegistry, tmp_path: Path) -> None:
    """Pushed where there is no registry, a model brings the founding file and its whole log, aliases too."""
    source = new()
    publish(source, b"1", aliases=["production"])
    publish(source, b"2")
    source.register("other", {"m": b"x"}, capture=False)
    source.push(f"{MODEL}:1.0.0", to=tmp_path / "copy")
    copy = mv.Registry(tmp_path / "copy")
    assert copy.models() == [MODEL]
    assert len(copy.versions(MODEL)) == 2
    assert str(copy.history(MODEL)) == str(source.history(MODEL))
    assert copy.verify()
    publish(source, b"3")
    assert source.push(MODEL, to=copy).versions == (f"{MODEL}:1.2.0",)
    source.mirror(to=copy)
    assert objects(Path(copy.url)) == objects(Path(source.url))


def test_a_pull_is_a_push_from_there(new: NewRegistry) -> None:
    """A version can be fetched by an address, or from an open registry."""
    source, target = new(), new()
    version = publish(source)
    assert target.pull(version.ref, source=source.url).versions == (version.ref,)
    assert target.get(version.ref).digest == version.digest


def test_a_damaged_blob_is_not_pushed(new: NewRegistry) -> None:
    """A damaged file stops the push: no version appears, and the damaged bytes do not either."""
    source, target = new(), new()
    file = publish(source, b"bytes").files[0].sha256
    blob = Path(source.url) / "blobs" / "sha256" / file[:2] / file
    blob.chmod(0o644)
    blob.write_bytes(b"bytez")
    with pytest.raises(mv.IntegrityError, match="damaged"):
        source.push(MODEL, to=target)
    assert target.versions(MODEL) == []
    assert not any(key.endswith(file) for key in objects(Path(target.url)))


def test_a_push_honours_a_garbage_collection(new: NewRegistry) -> None:
    """A version whose blobs a sweep of the target is about to delete waits until that is done."""
    source, target = new(), new()
    version = publish(source)
    session = target._session
    condemned = SweepStarted("sweep", (version.files[0].sha256,))
    session.registry_log.append(lambda _: Proposal((condemned,)), by="gc")
    with pytest.raises(mv.Conflict, match="about to delete"):
        source.push(MODEL, to=target)
    assert target.versions(MODEL) == []
    for append in (
        lambda: session.registry_log.append(lambda _: Proposal((SweepDone("sweep"),)), by="gc"),
        lambda: session.append(ModelName(MODEL), lambda _: Proposal((SweepDone("sweep"),))),
    ):
        append()
    assert source.push(MODEL, to=target).versions == (version.ref,)


def test_a_name_keeps_its_case(new: NewRegistry) -> None:
    """The model's name is spelled there as its maker spelled it."""
    source, target = new(), new()
    source.register("Llama-3.1-8B", {"m": b"x"}, capture=False)
    source.push("llama-3.1-8b", to=target)
    assert target.models() == ["Llama-3.1-8B"]


def test_a_push_passes_the_gates_of_the_target(tmp_path: Path) -> None:
    """What the source's policy let through is of no account there; what passes is on record, and verifies."""
    source = mv.Registry(tmp_path / "source", actor="a@x")
    target = mv.Registry(tmp_path / "target", actor="b@x", create=True)
    publish(source)
    publish(source, b"2", changelog="Better.")
    target.set_policy(None, {"require": {"register": {"fields": ["changelog"]}}})
    with pytest.raises(mv.Refused, match="field changelog"):
        source.push(f"{MODEL}:1.0.0", to=target)
    source.push(f"{MODEL}:1.1.0", to=target)
    assert [version.version for version in target.versions(MODEL)] == ["1.1.0"]
    assert target.verify()


def test_a_false_claim_to_come_from_the_target_hides_no_version(new: NewRegistry) -> None:
    """A source whose commit claims to have come from the target is taken at its word only where the version is there."""
    source, target = new(), new()
    target.register("other", {"a": b"other"}, capture=False)
    home = json.loads((Path(target.url) / "modelver.json").read_bytes())["body"]["registry"]
    source.register(MODEL, {"a": b"a"}, capture=False, commit_id=f"push-{home}-2-{'0' * 16}")
    source.yank(f"{MODEL}:1.0.0", reason="broken")
    target.pull(MODEL, source=source)
    assert facts(target) == facts(source)


def test_a_forged_commit_older_than_the_checkpoint_is_not_adopted(new: NewRegistry) -> None:
    """Whoever reads a log from its checkpoint on still checks the chain of what comes over; nothing is written."""
    source, target = new(), new()
    version = publish(source)
    evil = source.register("evil", {"model.bin": b"evil"}, capture=False)
    target.create_model("other")
    log = source._session.log(ModelName(MODEL))
    for number in range(70):
        note = Proposal((Annotated(version.version, version.digest, f"note {number}"),))
        log.append(lambda _, note=note: note, by="ann")
    assert [*(Path(source.url) / log.place.checkpoints).iterdir()]
    forged = Path(source.url) / numbered_key(log.place.log, 2)
    body = unseal(forged.read_bytes(), what="commit 2")
    forged.chmod(0o644)
    forged.write_bytes(seal(body.replace(version.digest.hex.encode(), evil.digest.hex.encode())))
    before = objects(Path(target.url))
    with pytest.raises(mv.LogTampered):
        target.pull(MODEL, source=mv.Registry(source.url))
    assert objects(Path(target.url)) == before


def test_a_checkpoint_that_names_another_digest_than_the_commit_is_not_adopted(new: NewRegistry) -> None:
    """Whoever may write to the source can't have gates asked of one version, and another one registered."""
    source, target = new(), new()
    version, good = publish(source), source.register("good", {"a": b"good"}, capture=False)
    target.create_model("other")
    log = source._session.log(ModelName(MODEL))
    state = log.state()
    entry = attrs.evolve(state.versions[version.version], digest=good.digest)
    data = encode_checkpoint(attrs.evolve(state, versions={version.version: entry}))
    source._session.store.put_new(numbered_key(log.place.checkpoints, state.seq), data)
    log._vouched = CheckpointDigest(state.seq, hashlib.sha256(data).hexdigest())
    log.append(lambda _: Proposal((SweepDone("none"),)), by="forger")
    before = objects(Path(target.url))
    with pytest.raises(mv.LogTampered, match="registers another"):
        target.pull(MODEL, source=mv.Registry(source.url))
    assert objects(Path(target.url)) == before
