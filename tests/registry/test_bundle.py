"""A bundle carries a version, a model or a registry in one file, to places without a network."""

import random
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import modelver as mv
from modelver.history.commit import seal, unseal
from modelver.values.canonical import decode_object, encode
from tests.registries import MODEL, objects, publish

SHORT = mv.Digest.of(b"x").hex
"""A file of the model that comes last."""


@pytest.fixture
def source(registry: mv.Registry) -> mv.Registry:
    """Give a registry with a model of three versions, and another model."""
    publish(registry, b"1", aliases=["production"])
    registry.register(MODEL, {"model.bin": b"2" * 5_000_000, "c.json": b"{}"}, changelog="The second.")
    publish(registry, b"3")
    registry.yank(f"{MODEL}:1.1.0", reason="bad")
    registry.register("other", {"m": b"x"}, capture=False)
    return registry


def elsewhere(folder: Path, *, create: bool | None = None) -> mv.Registry:
    """Open a registry as a user of another machine does."""
    return mv.Registry(
        folder, create=create, actor="b@example.org", cache_dir=folder.with_name(f"{folder.name}-cache")
    )


def rewritten(path: Path, change: Callable[[str, bytes], bytes | None], target: Path) -> Path:
    """Write a bundle anew, each object changed, or left out where the change gives None."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            if (data := change(name, old.read(name))) is not None:
                new.writestr(zipfile.ZipInfo(name), data)
    return target


def test_a_model_comes_with_its_history(source: mv.Registry, tmp_path: Path) -> None:
    """Where there is no registry, an import makes a copy: the same log, versions and aliases, verified."""
    bundle = source.export(MODEL, to=tmp_path / "fraud.modelver")
    assert bundle.models == (MODEL,)
    assert bundle.versions == tuple(f"{MODEL}:1.{minor}.0" for minor in range(3))
    assert bundle.size == (tmp_path / "fraud.modelver").stat().st_size
    target = elsewhere(tmp_path / "elsewhere")
    done = target.import_bundle(bundle)
    assert done.versions == bundle.versions
    assert str(target.history(MODEL)) == str(source.history(MODEL))
    assert target.models() == [MODEL]
    assert target.get(f"{MODEL}@production").digest == source.get(f"{MODEL}@production").digest
    assert target.verify()
    assert not target.import_bundle(bundle).changed
    assert "3 versions" in str(bundle)
    assert MODEL in bundle._repr_html_()
    assert bundle.to_dict()["path"] == str(tmp_path / "fraud.modelver")


def test_another_registry_adopts(source: mv.Registry, tmp_path: Path) -> None:
    """A registry of its own registers a bundle's versions in its own log, with the same digests."""
    bundle = source.export(MODEL, to=tmp_path / "fraud.modelver")
    target = elsewhere(tmp_path / "elsewhere", create=True)
    target.import_bundle(bundle)
    assert [each.digest for each in target.versions(MODEL)] == [
        each.digest for each in source.versions(MODEL)
    ]
    assert target.status(f"{MODEL}:1.1.0").yanked
    assert target.aliases(MODEL) == {}
    assert "fraud.modelver, registry" in target.history(MODEL)[1].reason
    assert target.verify()
    assert not target.import_bundle(bundle).changed


def test_the_whole_registry(source: mv.Registry, tmp_path: Path) -> None:
    """Without a name all there is goes into the bundle, and comes out of it byte for byte."""
    bundle = source.export(to=tmp_path / "all.modelver")
    target = elsewhere(tmp_path / "elsewhere")
    target.import_bundle(bundle)
    assert objects(tmp_path / "elsewhere") == objects(Path(source.url))
    other = elsewhere(tmp_path / "own", create=True)
    other.import_bundle(bundle)
    assert other.models() == [MODEL, "other"]
    assert other.verify()


def test_one_version(source: mv.Registry, tmp_path: Path) -> None:
    """A bundle of one version is adopted alone, or brings a copy the step that it lacks; else it is refused."""
    source.mirror(to=tmp_path / "behind")
    version = publish(source, b"4")
    bundle = source.export(version, to=tmp_path / "one.modelver")
    assert bundle.versions == (version.ref,)
    assert bundle.size < 20_000
    own = elsewhere(tmp_path / "own", create=True)
    assert own.import_bundle(bundle).versions == (version.ref,)
    assert own.verify()
    behind = elsewhere(tmp_path / "behind")
    assert behind.import_bundle(bundle).versions == (version.ref,)
    assert objects(tmp_path / "behind") == objects(Path(source.url))
    with pytest.raises(mv.NotFound, match="versions that came before it are not here either"):
        elsewhere(tmp_path / "nothing").import_bundle(bundle)
    assert not (tmp_path / "nothing").exists()


def test_a_bundle_can_be_pulled_from(source: mv.Registry, tmp_path: Path) -> None:
    """One model or version of a larger bundle can be taken."""
    bundle = source.export(to=tmp_path / "all.modelver")
    own = elsewhere(tmp_path / "own", create=True)
    assert own.pull(f"{MODEL}:1.0.0", source=bundle).versions == (f"{MODEL}:1.0.0",)
    assert own.models() == [MODEL]
    with pytest.raises(mv.NotFound):
        own.pull("nothing", source=bundle)


def test_an_old_bundle_is_no_rollback(source: mv.Registry, tmp_path: Path) -> None:
    """A bundle that is older than what this machine has seen has nothing new, and is no reason for alarm."""
    bundle = source.export(MODEL, to=tmp_path / "old.modelver")
    publish(source, b"4")
    assert not source.import_bundle(bundle).changed


def test_the_same_content_gives_the_same_bytes(source: mv.Registry, tmp_path: Path) -> None:
    """Exported again, from a mirror too, a bundle has the same bytes; and it is listed by any tool."""
    first = source.export(MODEL, to=tmp_path / "1.modelver").path
    source.mirror(to=tmp_path / "copy")
    second = elsewhere(tmp_path / "copy").export(MODEL, to=tmp_path / "2.modelver").path
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
    assert names[:2] == ["bundle.json", "modelver.json"]
    assert not any(name.startswith("models/other") for name in names)


def test_a_file_that_is_there_is_kept(source: mv.Registry, tmp_path: Path) -> None:
    """Another file is replaced only where that is allowed; the same bundle is fine."""
    path = tmp_path / "fraud.modelver"
    path.write_bytes(b"mine")
    with pytest.raises(mv.AlreadyExists, match="another file is there"):
        source.export(MODEL, to=path)
    assert path.read_bytes() == b"mine"
    source.export(MODEL, to=path, overwrite=True)
    source.export(MODEL, to=path)
    assert [found.name for found in tmp_path.iterdir() if "modelver" in found.name] == ["fraud.modelver"]
    with pytest.raises(mv.InvalidValue, match="a file of this machine"):
        source.export(MODEL, to="s3://bucket/fraud.modelver")
    with pytest.raises(mv.NotFound):
        source.export("nothing", to=tmp_path / "nothing.modelver")
    with pytest.raises(mv.StoreError):
        source.export(MODEL, to=path / "below")
    assert not (tmp_path / "nothing.modelver").exists()


def test_a_damaged_blob_is_not_exported(source: mv.Registry, tmp_path: Path) -> None:
    """Where a blob is damaged there is no bundle, and no half of one."""
    for damage in (b"bytez" * 1_000_000, b"short"):
        file = source.get(f"{MODEL}:1.1.0").files[1].sha256
        blob = Path(source.url) / "blobs" / "sha256" / file[:2] / file
        blob.chmod(0o644)
        blob.write_bytes(damage)
        with pytest.raises(mv.IntegrityError, match="damaged"):
            source.export(MODEL, to=tmp_path / "out" / "fraud.modelver")
        assert [*(tmp_path / "out").iterdir()] == []


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("what", ["blobs/", "models/", "modelver.json", "bundle.json"])
def test_every_changed_object_is_refused(what: str, own: bool, source: mv.Registry, tmp_path: Path) -> None:
    """Whichever object of a bundle is changed or left out, no version with other bytes is ever in the registry."""
    path = source.export(f"{MODEL}:1.1.0" if own else MODEL, to=tmp_path / "b.modelver").path
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.startswith(what)]
    for number, name in enumerate(names):
        for kind, change in enumerate((lambda data: data[:-1] + bytes([data[-1] ^ 1]), lambda _: None)):
            bad = rewritten(
                path,
                lambda each, data, name=name, change=change: change(data) if each == name else data,
                tmp_path / "bad.modelver",
            )
            target = elsewhere(tmp_path / f"t-{number}-{kind}", create=own or None)
            with pytest.raises((mv.Corrupt, mv.NotFound, mv.InvalidValue)):
                target.import_bundle(bad)
            if (Path(target.url) / "modelver.json").exists():
                assert target.verify()
                assert not any(target.versions(model) for model in target.models())


@pytest.mark.parametrize("own", [False, True])
def test_a_bundle_that_deceives_leaves_nothing(own: bool, source: mv.Registry, tmp_path: Path) -> None:
    """Where one blob has other bytes than its name says, neither a model nor a founding file comes of the import."""
    path = source.export(to=tmp_path / "b.modelver").path
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda info: info.file_size).filename
    for number, key in enumerate((largest, f"blobs/sha256/{SHORT[:2]}/{SHORT}")):
        bad = rewritten(
            path,
            lambda name, data, key=key: data[:-1] + bytes([data[-1] ^ 1]) if name == key else data,
            tmp_path / "bad.modelver",
        )
        target = elsewhere(tmp_path / f"t-{number}", create=own or None)
        if own:
            target.create_model("own")
        before = objects(Path(target.url)) if own else {}
        with pytest.raises(mv.IntegrityError):
            target.import_bundle(bad)
        assert (objects(Path(target.url)) if Path(target.url).exists() else {}) == before


def test_blobs_that_nobody_names_stay_outside(source: mv.Registry, tmp_path: Path) -> None:
    """What a bundle holds beside what it is to bring is not taken."""
    path = source.export(MODEL, to=tmp_path / "b.modelver").path
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("blobs/sha256/ab/" + "ab" * 32, b"litter")
    target = elsewhere(tmp_path / "elsewhere")
    target.import_bundle(path)
    assert not any(key.endswith("ab" * 32) for key in objects(tmp_path / "elsewhere"))


@pytest.mark.parametrize(
    ("field", "value"),
    [("format", 2), ("holds", "acme/fraud"), ("holds", [1]), ("holds", ["../x"]), ("holds", ["nothing"])],
)
def test_contents_that_make_no_sense_are_refused(
    field: str, value: object, source: mv.Registry, tmp_path: Path
) -> None:
    """A bundle that says nonsense of itself is refused, and nothing is written."""

    def change(name: str, data: bytes) -> bytes:
        if name != "bundle.json":
            return data
        return seal(encode({**decode_object(unseal(data, what=name), what=name), field: value}))  # type: ignore[dict-item] # as given

    path = source.export(MODEL, to=tmp_path / "b.modelver").path
    target = elsewhere(tmp_path / "own", create=True)
    with pytest.raises((mv.InvalidValue, mv.NotFound)):
        target.import_bundle(rewritten(path, change, tmp_path / "bad.modelver"))
    assert target.models() == []


def test_a_diverged_log_is_refused(source: mv.Registry, tmp_path: Path) -> None:
    """A copy that was written to does not take another end of the same log."""
    source.mirror(to=tmp_path / "copy")
    publish(elsewhere(tmp_path / "copy"), b"mine")
    publish(source, b"theirs")
    bundle = source.export(MODEL, to=tmp_path / "b.modelver")
    before = objects(tmp_path / "copy")
    with pytest.raises(mv.Conflict, match="diverged"):
        elsewhere(tmp_path / "copy").import_bundle(bundle)
    assert objects(tmp_path / "copy") == before


EXPORT = """
import sys, modelver as mv
source = mv.Registry(sys.argv[1])
source.models()
print("go", flush=True)
source.export(to=sys.argv[2])
"""


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize(
    "rounds", [5, pytest.param(100, marks=[pytest.mark.full, pytest.mark.timeout(1800)])]
)
def test_a_killed_export_leaves_no_half_bundle(rounds: int, source: mv.Registry, tmp_path: Path) -> None:
    """After SIGKILL at any moment the file is whole, or not there."""
    chance = random.Random(rounds)  # noqa: S311 (no secret)
    for number in range(6):
        publish(source, chance.randbytes(1_000_000) + bytes([number]))
    began = time.monotonic()
    whole = source.export(to=tmp_path / "whole.modelver").path.read_bytes()
    lasts = time.monotonic() - began
    for number in range(rounds):
        path = tmp_path / f"{number}.modelver"
        command = [sys.executable, "-c", EXPORT, source.url, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"go\n"
            time.sleep(chance.uniform(0, lasts))
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert not path.exists() or path.read_bytes() == whole
        source.export(to=path)
        assert path.read_bytes() == whole


def test_progress_adds_up(source: mv.Registry, tmp_path: Path) -> None:
    """The callback learns of all bytes, at export and at import."""
    from fsspec.callbacks import Callback

    exported, imported = Callback(), Callback()
    bundle = source.export(MODEL, to=tmp_path / "b.modelver", callback=exported)
    done = elsewhere(tmp_path / "elsewhere").import_bundle(bundle, callback=imported)
    assert exported.size == exported.value == imported.size == imported.value == done.size
