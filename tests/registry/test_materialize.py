"""A version laid out where a server reads it: whole or not there, kept in step, and nobody else's files touched."""

import errno
import json
import os
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from safetensors import safe_open

import modelver as mv
from modelver.content.standing import local
from tests.registries import MODEL, onnx_model, ordinary_account, weights
from tests.servers.seaweedfs import SeaweedFS
from tests.serving.triton_schema import parsed

ALIAS = f"{MODEL}@production"
FIRST = {"model.onnx": onnx_model([1.0, 2.0]), "a/README.md": b"one", "b/README.md": b"one", "EMPTY": b""}
SECOND = {**FIRST, "model.onnx": onnx_model([3.0, 4.0])}


def register(registry: mv.Registry, files: dict[str, bytes], **more: object) -> mv.ModelVersion:
    """Register files as the version that is in production."""
    given = {"aliases": ["production"], "capture": False, "changelog": "x", **more}
    return registry.register(MODEL, files, **given)  # type: ignore[arg-type] # as given


def move(registry: mv.Registry, version: str) -> None:
    """Set the alias to a version."""
    registry.set_alias(MODEL, "production", version)


def content(folder: str | Path) -> dict[str, bytes]:
    """Return the files in a folder by their paths."""
    root = Path(folder)
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def damage(registry: mv.Registry, data: bytes) -> Path:
    """Flip a bit of a file that a registry in a folder stores."""
    digest = mv.Digest.of(data).hex
    blob = Path(registry.url) / "blobs" / "sha256" / digest[:2] / digest
    blob.chmod(0o644)
    blob.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    return blob


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Give a place that is not there yet, and neither is the folder above it."""
    return tmp_path / "serving" / "fraud"


def test_a_plain_layout_is_a_link_to_the_version_s_files(registry: mv.Registry, place: Path) -> None:
    """A real loader reads through it; the answer says where and how the bytes came."""
    version = register(registry, FIRST)
    made = registry.materialize(ALIAS, place)
    session = onnxruntime.InferenceSession(place / "model.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": np.zeros(2, np.float32)})

    assert content(place) == FIRST
    assert list(found) == [1.0, 2.0]
    assert (made.where, Path(made.path)) == (str(place), place.resolve())
    assert (made.version, made.layout, made.number, made.changed) == (version, "plain", 1, True)
    assert made.copied + made.linked == version.size
    assert {file.path for file in made.files} == set(FIRST)
    assert json.loads(json.dumps(made.to_dict()))["ref"] == version.ref
    assert version.ref in str(made)
    assert "README.md" in made._repr_html_()


def test_what_stands_is_not_copied_again(registry: mv.Registry, place: Path) -> None:
    """The same call twice writes nothing, and a rollback finds its version standing."""
    register(registry, FIRST)
    first = registry.materialize(ALIAS, place)
    before = (place / "model.onnx").stat()
    again = registry.materialize(ALIAS, place)
    assert (again.changed, again.copied, again.linked, again.path) == (False, 0, 0, first.path)
    assert (place / "model.onnx").stat() == before

    register(registry, SECOND)
    registry.materialize(ALIAS, place)
    assert content(place) == SECOND
    move(registry, "1.0.0")
    back = registry.materialize(ALIAS, place)
    assert (back.changed, back.copied, back.linked, back.path) == (True, 0, 0, first.path)
    assert content(place) == FIRST


def test_versions_stay_as_long_as_they_are_wanted(registry: mv.Registry, place: Path) -> None:
    """At least `keep` of them, and each for `grace` seconds after it was the current one."""
    paths = []
    for number in range(4):
        register(registry, {**FIRST, "number": b"%d" % number})
        paths.append(Path(registry.materialize(ALIAS, place, keep=2).path))
    assert [path.exists() for path in paths] == [True, True, True, True]
    registry.materialize(ALIAS, place, keep=2, grace=0)
    assert [path.exists() for path in paths] == [False, False, True, True]
    registry.materialize(ALIAS, place, keep=1, grace=0)
    assert [path.exists() for path in paths] == [False, False, False, True]
    assert content(place)["number"] == b"3"


def test_files_that_somebody_put_there_are_kept(registry: mv.Registry, place: Path) -> None:
    """Beside the versions, and even in one that goes."""
    register(registry, FIRST)
    first = Path(registry.materialize(ALIAS, place).path)
    (first / "notes.txt").write_text("mine")
    (first.parent / "notes.txt").write_text("mine")
    assert registry.materialize(ALIAS, place).changed is False
    register(registry, SECOND)
    registry.materialize(ALIAS, place, keep=1, grace=0)
    assert not first.exists()
    assert sorted(path.name for path in place.parent.rglob("notes.txt")) == ["notes.txt", "notes.txt"]


@pytest.mark.parametrize("layout", ["plain", "triton"])
def test_a_damaged_blob_leaves_what_stands(registry: mv.Registry, place: Path, layout: str) -> None:
    """No byte of the new version is to be seen; mended, it comes."""
    register(registry, FIRST)
    registry.materialize(ALIAS, place, layout)
    before = content(place)
    register(registry, SECOND)
    blob = damage(registry, SECOND["model.onnx"])
    with pytest.raises(mv.IntegrityError):
        registry.materialize(ALIAS, place, layout)
    assert content(place) == before
    blob.write_bytes(SECOND["model.onnx"])
    assert registry.materialize(ALIAS, place, layout).changed
    assert not [path for path in place.parent.rglob("*") if path.name.startswith(("tmp-", "partial-"))]


@pytest.mark.parametrize("layout", ["plain", "triton"])
def test_a_version_that_was_damaged_where_it_stands_is_brought_again(
    registry: mv.Registry, place: Path, layout: str
) -> None:
    """A changed, a missing and a foreign file of ours are noticed by the next call."""
    register(registry, FIRST)
    made = Path(registry.materialize(ALIAS, place, layout).path)
    (made / "model.onnx").write_bytes(b"x" * len(FIRST["model.onnx"]))
    again = registry.materialize(ALIAS, place, layout)
    assert (again.changed, (Path(again.path) / "model.onnx").read_bytes()) == (True, FIRST["model.onnx"])
    (Path(again.path) / "model.onnx").unlink()
    third = Path(registry.materialize(ALIAS, place, layout).path)
    assert (third / "model.onnx").read_bytes() == FIRST["model.onnx"]


@pytest.mark.parametrize("grace", [300.0, 0.0])
def test_a_repaired_version_stands_like_any_other(registry: mv.Registry, place: Path, grace: float) -> None:
    """It is not copied again, its link stays, and its damaged copy takes the place of no version before it."""
    register(registry, FIRST)
    first = registry.materialize(ALIAS, place, grace=grace)
    register(registry, SECOND)
    damaged = Path(registry.materialize(ALIAS, place, grace=grace).path)
    (damaged / "model.onnx").write_bytes(b"x" * len(SECOND["model.onnx"]))
    repaired = registry.materialize(ALIAS, place, grace=grace)
    assert (repaired.changed, content(place)) == (True, SECOND)
    for _ in range(2):
        again = registry.materialize(ALIAS, place, grace=grace)
        assert (again.changed, again.copied, again.linked, again.path) == (False, 0, 0, repaired.path)
    registry.materialize(ALIAS, place, grace=0)
    assert not damaged.exists()
    for version, path in [("1.0.0", first.path), ("1.1.0", repaired.path)]:
        move(registry, version)
        back = registry.materialize(ALIAS, place, grace=grace)
        assert (back.copied, back.linked, back.path) == (0, 0, path)


def test_triton_finds_numbered_folders_and_a_configuration_that_names_one(
    registry: mv.Registry, place: Path
) -> None:
    """Of the model's folder only they change; a rollback is a change of the configuration alone."""
    register(registry, FIRST)
    first = registry.materialize(ALIAS, place, "triton")
    register(registry, SECOND)
    second = registry.materialize(ALIAS, place, "triton", keep=3)
    model = place / "acme--fraud"

    def served() -> list[int]:
        return list(parsed((model / "config.pbtxt").read_bytes()).version_policy.specific.versions)

    assert (first.number, second.number, served()) == (1, 2, [2])
    assert content(place) == {
        "acme--fraud/1/model.onnx": FIRST["model.onnx"],
        "acme--fraud/2/model.onnx": SECOND["model.onnx"],
        "acme--fraud/config.pbtxt": (model / "config.pbtxt").read_bytes(),
    }
    onnxruntime.InferenceSession(Path(second.path) / "model.onnx", providers=["CPUExecutionProvider"])
    inodes = {path: path.stat().st_ino for path in model.glob("*/model.onnx")}
    move(registry, "1.0.0")
    registry.materialize(ALIAS, place, "triton")
    assert served() == [1]
    assert inodes == {path: path.stat().st_ino for path in model.glob("*/model.onnx")}


def test_a_repair_killed_while_the_damaged_folder_goes_leaves_a_whole_one(
    registry: mv.Registry, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The repaired folder has its name before the damaged one is deleted, however long that takes."""
    register(registry, FIRST)
    model = Path(registry.materialize(ALIAS, place, "triton").path) / "model.onnx"
    model.write_bytes(b"x" * len(FIRST["model.onnx"]))

    def killed(path: Path) -> None:
        raise KeyboardInterrupt(path)

    monkeypatch.setattr(local, "remove_tree", killed)
    with pytest.raises(KeyboardInterrupt):
        registry.materialize(ALIAS, place, "triton")
    assert model.read_bytes() == FIRST["model.onnx"]
    monkeypatch.undo()
    assert registry.materialize(ALIAS, place, "triton").copied == 0
    assert not [path for path in place.parent.rglob("*") if path.name.startswith("tmp-")]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.EIO, os.strerror(errno.EIO))])
def test_a_repair_that_ends_between_its_two_renames_is_mended_by_the_next_call(
    registry: mv.Registry, place: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """Killed right there the folder is missing until then; where the system refuses, the damaged one is back."""
    register(registry, FIRST)
    model = Path(registry.materialize(ALIAS, place, "triton").path) / "model.onnx"
    model.write_bytes(b"x" * len(FIRST["model.onnx"]))
    real = Path.rename

    def ends(path: Path, target: Path) -> Path:
        if path.name.startswith("partial-"):
            raise error
        return real(path, target)

    monkeypatch.setattr(Path, "rename", ends)
    with pytest.raises((KeyboardInterrupt, mv.StoreError)):
        registry.materialize(ALIAS, place, "triton")
    assert model.exists() == isinstance(error, OSError)
    monkeypatch.undo()
    registry.materialize(ALIAS, place, "triton")
    assert content(place / "acme--fraud" / "1") == {"model.onnx": FIRST["model.onnx"]}


TWO_PLANS = {"a.plan": b"a", "b.plan": b"bb"}


def test_another_file_of_the_current_version_is_refused(registry: mv.Registry, place: Path) -> None:
    """Its folder and its configuration can't change at once; a version that is not current may change."""
    register(registry, TWO_PLANS)
    registry.materialize(ALIAS, place, "triton", file="a.plan")
    before = content(place)
    with pytest.raises(
        mv.AlreadyExists, match=r"expected model.plan \w{12}, found model.plan \w{12}\). Lay another"
    ):
        registry.materialize(ALIAS, place, "triton", file="b.plan")
    assert content(place) == before
    assert not registry.materialize(ALIAS, place, "triton", file="a.plan").changed

    register(registry, {**TWO_PLANS, "c.txt": b"c"})
    registry.materialize(ALIAS, place, "triton", file="a.plan")
    move(registry, "1.0.0")
    registry.materialize(ALIAS, place, "triton", file="b.plan")
    assert content(place)["acme--fraud/1/model.plan"] == b"bb"
    (place / "acme--fraud" / "1" / "model.plan").unlink()
    assert registry.materialize(ALIAS, place, "triton", file="a.plan").changed


def test_several_models_share_a_triton_repository(registry: mv.Registry, place: Path) -> None:
    """Each is ours by itself; a name that another model has is refused."""
    register(registry, FIRST)
    registry.register("other", {"m.onnx": FIRST["model.onnx"]}, capture=False, changelog="x")
    registry.materialize(ALIAS, place, "triton", name="fraud")
    registry.materialize("other@latest", place, "triton")
    assert sorted(each.name for each in place.iterdir()) == ["fraud", "other"]
    with pytest.raises(mv.AlreadyExists, match="something else"):
        registry.materialize("other@latest", place, "triton", name="fraud")


def test_a_number_is_the_registration_s_and_stays(registry: mv.Registry, place: Path) -> None:
    """Not the order of versions: one that is registered later never renumbers another."""
    register(registry, FIRST, version="2.0.0")
    assert registry.materialize(f"{MODEL}:2.0.0", place, "triton").number == 1
    register(registry, SECOND, version="1.5.0")
    assert registry.materialize(f"{MODEL}:1.5.0", place, "triton").number == 2
    registry.yank(f"{MODEL}:2.0.0", reason="bad")
    with pytest.warns(UserWarning, match="yanked"):
        assert registry.materialize(f"{MODEL}:2.0.0", place, "triton").number == 1


def test_a_vllm_folder_is_read_by_hugging_face_s_readers(registry: mv.Registry, place: Path) -> None:
    """The index and the shards that it names, from the folder itself, though the version has them deeper."""
    shards = {
        "model-00001-of-00002.safetensors": weights(a=[1.0]),
        "model-00002-of-00002.safetensors": weights(b=[2.0]),
    }
    names = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    files = {
        "final/config.json": b'{"architectures": ["LlamaForCausalLM"]}',
        "final/tokenizer.json": b"{}",
        "final/model.safetensors.index.json": json.dumps({"metadata": {}, "weight_map": names}).encode(),
        **{f"final/{name}": data for name, data in shards.items()},
        "training.log": b"loss",
    }
    register(registry, files)
    registry.materialize(ALIAS, place, "vllm")
    index = json.loads((place / "model.safetensors.index.json").read_bytes())
    found = {}
    for name, shard in index["weight_map"].items():
        with safe_open(place / shard, framework="np") as opened:
            found[name] = list(opened.get_tensor(name))
    assert found == {"a": [1.0], "b": [2.0]}
    assert not (place / "training.log").exists()


Occupy = Callable[[Path], None]


def _file(place: Path) -> None:
    place.write_text("mine")


def _folder(place: Path) -> None:
    place.mkdir()
    (place / "mine.txt").write_text("mine")


def _link(place: Path) -> None:
    (place.parent / "elsewhere").mkdir()
    place.symlink_to("elsewhere")


def _dangling(place: Path) -> None:
    place.symlink_to("nowhere")


@pytest.mark.parametrize("occupy", [_file, _folder, _link, _dangling])
def test_what_is_not_ours_is_never_replaced(registry: mv.Registry, place: Path, occupy: Occupy) -> None:
    """A file, a folder with something in it, a link to anywhere: refused, and left as they are."""
    register(registry, FIRST)
    place.parent.mkdir()
    occupy(place)
    before = content(place.parent)
    with pytest.raises(mv.AlreadyExists):
        registry.materialize(ALIAS, place)
    assert content(place.parent) == before
    assert os.path.lexists(place)
    assert not (place.parent / ".fraud.modelver").exists()


def test_a_link_that_was_replaced_meanwhile_is_left(registry: mv.Registry, place: Path) -> None:
    """Somebody who put a folder of their own there keeps it."""
    register(registry, FIRST)
    registry.materialize(ALIAS, place)
    place.unlink()
    _folder(place)
    register(registry, SECOND)
    with pytest.raises(mv.AlreadyExists, match="replaced"):
        registry.materialize(ALIAS, place)
    assert content(place) == {"mine.txt": b"mine"}


@pytest.mark.parametrize("layout", ["plain", "triton"])
def test_an_empty_folder_may_become_the_place(registry: mv.Registry, place: Path, layout: str) -> None:
    """As made by whoever set the machine up."""
    register(registry, FIRST)
    (place / "acme--fraud" if layout == "triton" else place).mkdir(parents=True)
    assert registry.materialize(ALIAS, place, layout).changed


def test_another_layout_or_registry_at_a_place_is_refused(
    registry: mv.Registry, tmp_path: Path, place: Path
) -> None:
    """The mark says whose it is."""
    register(registry, FIRST)
    registry.materialize(ALIAS, place)
    other = mv.Registry(tmp_path / "other")
    register(other, FIRST)
    with pytest.raises(mv.AlreadyExists, match="registry"):
        other.materialize(ALIAS, place)
    with pytest.raises(mv.NotFound):
        registry.materialize(ALIAS, place, "vllm")
    assert content(place) == FIRST


def test_the_registry_and_the_cache_are_no_places(
    registry: mv.Registry, root: Path, private_cache: Path
) -> None:
    """Nor is anything in them, by whatever links it is reached."""
    register(registry, FIRST)
    (root.parent / "way").symlink_to(root)
    before = content(root)
    for place in (root, root / "models", root.parent / "way" / "x", private_cache / "x", Path("/")):
        for layout in ("plain", "triton"):
            with pytest.raises(mv.InvalidValue, match="not a place"):
                registry.materialize(ALIAS, place, layout)
    assert content(root) == before


def test_a_folder_of_the_version_s_number_that_is_not_ours_is_left(
    registry: mv.Registry, place: Path
) -> None:
    """Somebody who puts a version of their own into the model's folder keeps it, however alike its files are."""
    register(registry, FIRST)
    registry.materialize(ALIAS, place, "triton", name="fraud")
    mine = place / "fraud" / "2" / "model.onnx"
    mine.parent.mkdir()
    mine.write_bytes(b"x" * len(SECOND["model.onnx"]))
    register(registry, SECOND)
    for _ in range(2):
        with pytest.raises(mv.AlreadyExists, match="did not make"):
            registry.materialize(ALIAS, place, "triton", name="fraud")
    assert mine.read_bytes().startswith(b"xxx")
    mine.unlink()
    mine.parent.rmdir()
    assert registry.materialize(ALIAS, place, "triton", name="fraud").changed


def test_a_layout_is_no_place_for_another(registry: mv.Registry, place: Path) -> None:
    """The link of one would lead into its version's own folder."""
    register(registry, FIRST)
    made = registry.materialize(ALIAS, place)
    for other in (place, Path(made.path) / "x"):
        with pytest.raises(mv.InvalidValue, match="not a place"):
            registry.materialize(ALIAS, other, "triton")
    assert content(place) == FIRST


def test_a_call_that_never_came_to_its_end_displaces_no_whole_version(
    registry: mv.Registry, place: Path
) -> None:
    """Only versions that are whole count among those that are kept."""
    register(registry, FIRST)
    first = Path(registry.materialize(ALIAS, place).path)
    register(registry, SECOND)
    registry.materialize(ALIAS, place)
    register(registry, {"model.onnx": onnx_model([7.0])})
    damage(registry, onnx_model([7.0]))
    with pytest.raises(mv.IntegrityError):
        registry.materialize(ALIAS, place)
    move(registry, "1.1.0")
    registry.materialize(ALIAS, place, keep=2, grace=0)
    assert first.exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"keep": 0}, "keep"),
        ({"grace": -1.0}, "grace"),
        ({"grace": float("nan")}, "grace"),
        ({"name": "x"}, "for Triton"),
        ({"layout": "triton", "name": "../x"}, "model of Triton"),
        ({"layout": "torch"}, "not a layout"),
    ],
)
def test_wrong_arguments_are_refused(
    registry: mv.Registry, place: Path, arguments: dict[str, object], told: str
) -> None:
    """Before anything is made."""
    register(registry, FIRST)
    with pytest.raises(mv.InvalidValue, match=told):
        registry.materialize(ALIAS, place, **arguments)  # type: ignore[arg-type] # as given
    assert not place.parent.exists()


@pytest.mark.parametrize("mark", [b"", b"{}", b"[]", b'{"format": 2}', b"\xff"])
def test_a_mark_that_can_t_be_read_is_told(registry: mv.Registry, place: Path, mark: bytes) -> None:
    """What it would have said is not guessed, and nothing is touched."""
    register(registry, FIRST)
    registry.materialize(ALIAS, place)
    (place.parent / ".fraud.modelver" / "modelver.json").write_bytes(mark)
    register(registry, SECOND)
    with pytest.raises(mv.InvalidValue):
        registry.materialize(ALIAS, place)
    assert content(place) == FIRST


@pytest.mark.parametrize("path", ["../../mine.txt", "/etc/passwd"])
def test_a_mark_that_names_files_elsewhere_removes_none(
    registry: mv.Registry, place: Path, path: str
) -> None:
    """Somebody may have written it."""
    register(registry, FIRST)
    registry.materialize(ALIAS, place)
    mine = place.parent / "mine.txt"
    mine.write_text("mine")
    mark = place.parent / ".fraud.modelver" / "modelver.json"
    found = json.loads(mark.read_bytes())
    for folder in ("..", "../../x", "old"):
        forged = {**found, "order": [folder, *found["order"]]}
        forged["versions"] = {
            **found["versions"],
            folder: {
                "version": "1",
                "digest": "x",
                "retired": 0.0,
                "files": {path: {"size": 4, "sha256": "0" * 64}},
            },
        }
        mark.write_text(json.dumps(forged))
        with pytest.raises(mv.InvalidValue):
            registry.materialize(ALIAS, place, keep=1, grace=0)
    assert mine.read_text() == "mine"
    assert content(place) == FIRST


def test_a_place_that_can_t_be_written_to_is_told(place: Path) -> None:
    """Nothing is left behind, and what stands there stays."""
    with ordinary_account() as home:
        registry = mv.Registry(home / "registry", cache_dir=home / "cache")
        register(registry, FIRST)
        closed = home / "closed"
        registry.materialize(ALIAS, closed / "fraud")
        register(registry, SECOND)
        (closed / ".fraud.modelver").chmod(0o555)
        with pytest.raises(mv.StoreError, match="laid out"):
            registry.materialize(ALIAS, closed / "fraud")
        assert content(closed / "fraud") == FIRST
        (closed / ".fraud.modelver").chmod(0o755)
    assert not place.exists()


def test_a_mount_point_is_no_repository_for_triton(registry: mv.Registry) -> None:
    """It is told before anything is copied: what is made beside it could not be renamed into it."""
    register(registry, FIRST)
    with pytest.raises(mv.StoreError, match="give a folder in the mount point"):
        registry.materialize(ALIAS, "/proc", "triton")
    assert not Path("/.proc.modelver").exists()


def test_a_full_disk_leaves_what_stands(
    registry: mv.Registry, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says so; with space again, the version comes."""
    register(registry, FIRST)
    registry.materialize(ALIAS, place)
    register(registry, SECOND)
    real = os.fsync

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(mv.StoreError, match="No space"):
        registry.materialize(ALIAS, place)
    monkeypatch.setattr(os, "fsync", real)
    assert content(place) == FIRST
    registry.materialize(ALIAS, place)
    assert content(place) == SECOND


def at_once(*jobs: Callable[[], object]) -> Iterator[None]:
    """Run jobs at once, and yield again and again until they have ended; raise what one has raised."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        running = [pool.submit(job) for job in jobs]
        while not all(job.done() for job in running):
            yield
        for job in running:
            job.result()


def test_two_at_once_on_one_place_end_with_whole_versions(
    registry: mv.Registry, root: Path, tmp_path: Path, place: Path
) -> None:
    """And whoever reads meanwhile, in a folder that it has found, sees one version whole at any time."""
    register(registry, FIRST)
    register(registry, SECOND)
    registry.materialize(f"{MODEL}:1.0.0", place)

    seen: set[bytes] = set()

    def sync(first: int) -> None:
        other = mv.Registry(root, cache_dir=tmp_path / f"cache-{first}")
        for number in range(500):
            if number >= 12 and len(seen) == 2:
                return
            other.materialize(f"{MODEL}:1.{(number + first) % 2}.0", place)

    for _ in at_once(partial(sync, 0), partial(sync, 1)):
        found = content(place.resolve())
        assert found in (FIRST, SECOND)
        seen.add(found["model.onnx"])
    assert len(seen) == 2
    assert content(place) in (FIRST, SECOND)


@pytest.fixture
def bucket(seaweedfs: SeaweedFS, tmp_path: Path) -> mv.Registry:
    """Give a registry in a bucket."""
    url, options = seaweedfs.fresh()
    return mv.Registry(url, storage_options=options, create=True, cache_dir=tmp_path / "cache")


def beside(registry: mv.Registry) -> str:
    """Return a place beside a registry in a bucket."""
    return f"{registry.url.rpartition('/')[0]}/serving/{uuid.uuid4().hex}"


def test_a_version_comes_from_a_bucket_and_a_broken_download_goes_on(
    bucket: mv.Registry, seaweedfs: SeaweedFS, place: Path
) -> None:
    """What was fetched before a blob turned out to be missing is not fetched again."""
    files = {"first.bin": os.urandom(9 * 2**20), "second.bin": os.urandom(5 * 2**20)}
    register(bucket, files)
    digest = mv.Digest.of(files["second.bin"]).hex
    with seaweedfs.client() as client:
        name, _, prefix = bucket.url.removeprefix("s3://").partition("/")
        key = f"{prefix}/blobs/sha256/{digest[:2]}/{digest}"
        client.delete_object(Bucket=name, Key=key)
        with pytest.raises(mv.NotFound):
            bucket.materialize(ALIAS, place)
        assert not place.exists()
        (fetched,) = place.parent.rglob("first.bin")
        inode = fetched.stat().st_ino
        client.put_object(Bucket=name, Key=key, Body=files["second.bin"])
    bucket.materialize(ALIAS, place)
    assert content(place) == files
    assert (place / "first.bin").stat().st_ino == inode


@pytest.fixture(params=["seaweedfs", "azurite", "fake_gcs"])
def anywhere(
    request: pytest.FixtureRequest, tmp_path: Path
) -> tuple[mv.Registry, Callable[[str], dict[str, bytes]]]:
    """Give a registry in a bucket of each kind, and what reads objects behind its back."""
    server = request.getfixturevalue(request.param)
    url, options = server.fresh()
    registry = mv.Registry(url, storage_options=options, create=True, cache_dir=tmp_path / "cache")
    return registry, server.behind


def test_in_a_bucket_the_mark_names_the_folder_of_the_current_version(
    anywhere: tuple[mv.Registry, Callable[[str], dict[str, bytes]]],
) -> None:
    """The service copies by itself what it can; each version has a folder of its own."""
    registry, behind = anywhere
    version = register(registry, FIRST)
    place = beside(registry)
    made = registry.materialize(ALIAS, place)
    objects = behind(place)
    mark = json.loads(objects["modelver.json"])

    assert made.path == f"{place}/{mark['current']}"
    assert behind(made.path) == FIRST
    assert made.on_server + made.copied >= version.size - len(b"one")
    assert made.on_server > 0
    again = registry.materialize(ALIAS, place)
    assert (again.changed, again.copied, again.on_server) == (False, 0, 0)

    register(registry, SECOND)
    second = registry.materialize(ALIAS, place, keep=1, grace=0)
    assert behind(second.path) == SECOND
    assert {path.partition("/")[0] for path in behind(place)} == {
        "modelver.json",
        second.path.rpartition("/")[2],
    }


def test_in_a_bucket_triton_s_configuration_is_written_last(
    bucket: mv.Registry, seaweedfs: SeaweedFS
) -> None:
    """It names a version that is there; the mark is no folder, which Triton would take for a model."""
    register(bucket, FIRST)
    place = beside(bucket)
    bucket.materialize(ALIAS, place, "triton", name="fraud")
    register(bucket, SECOND)
    made = bucket.materialize(ALIAS, place, "triton", name="fraud")
    objects = seaweedfs.behind(place)
    config = objects.pop("fraud/config.pbtxt")
    assert list(parsed(config).version_policy.specific.versions) == [2]
    assert objects.keys() == {"fraud/1/model.onnx", "fraud/2/model.onnx", "fraud.modelver.json"}
    assert made.path == f"{place}/fraud/2"
    move(bucket, "1.0.0")
    assert bucket.materialize(ALIAS, place, "triton", name="fraud").on_server == 0
    config = seaweedfs.behind(place)["fraud/config.pbtxt"]
    assert list(parsed(config).version_policy.specific.versions) == [1]


def test_in_a_bucket_another_file_of_the_current_version_is_refused(
    bucket: mv.Registry, seaweedfs: SeaweedFS
) -> None:
    """Its objects would be replaced one by one under the eyes of whoever reads them."""
    register(bucket, TWO_PLANS)
    place = beside(bucket)
    bucket.materialize(ALIAS, place, "triton", file="a.plan")
    before = seaweedfs.behind(place)
    with pytest.raises(mv.AlreadyExists, match="Lay another version out"):
        bucket.materialize(ALIAS, place, "triton", file="b.plan")
    assert seaweedfs.behind(place) == before


def test_in_a_bucket_a_repair_touches_what_is_damaged_alone(
    bucket: mv.Registry, seaweedfs: SeaweedFS
) -> None:
    """Good files stay where they are while a missing and a shorter one come again."""
    register(bucket, FIRST)
    place = beside(bucket)
    made = bucket.materialize(ALIAS, place)
    name, _, prefix = made.path.removeprefix("s3://").partition("/")
    with seaweedfs.client() as client:
        client.delete_object(Bucket=name, Key=f"{prefix}/EMPTY")
        client.put_object(Bucket=name, Key=f"{prefix}/a/README.md", Body=b"x")
    again = bucket.materialize(ALIAS, place)
    assert (again.changed, again.copied + again.on_server) == (True, len(b"one"))
    assert seaweedfs.behind(made.path) == FIRST


@pytest.mark.parametrize("kind", ["seaweedfs", "azurite", "fake_gcs"])
def test_a_file_of_several_parts_gets_its_own_name(
    registry: mv.Registry, kind: str, request: pytest.FixtureRequest
) -> None:
    """Whatever a kind of bucket needs meanwhile, nothing but the layout is left."""
    server = request.getfixturevalue(kind)
    url, options = server.fresh()
    files = {"Large File.bin": os.urandom(17 * 2**20)}
    register(registry, files)
    made = registry.materialize(ALIAS, url, storage_options=options)
    assert (made.on_server, made.copied) == (0, 17 * 2**20)
    assert server.behind(made.path) == files
    assert len(server.behind(url.rpartition("/")[0])) == 2  # the file and the mark


def test_a_damaged_blob_leaves_what_stands_in_a_bucket(registry: mv.Registry, seaweedfs: SeaweedFS) -> None:
    """Bytes from a folder are hashed on their way; nothing of a damaged one is there."""
    url, options = seaweedfs.fresh()
    register(registry, FIRST)
    made = registry.materialize(ALIAS, url, storage_options=options)
    assert (made.on_server, made.copied > 0, seaweedfs.behind(made.path)) == (0, True, FIRST)
    register(registry, SECOND)
    damage(registry, SECOND["model.onnx"])
    before = json.loads(seaweedfs.behind(url)["modelver.json"])["current"]
    with pytest.raises(mv.IntegrityError):
        registry.materialize(ALIAS, url, storage_options=options)
    assert json.loads(seaweedfs.behind(url)["modelver.json"])["current"] == before


def test_what_a_service_copied_by_itself_is_read_back(bucket: mv.Registry, seaweedfs: SeaweedFS) -> None:
    """A blob that is damaged in the registry is found, deleted where it was copied to, and never named."""
    register(bucket, FIRST)
    place = beside(bucket)
    first = bucket.materialize(ALIAS, place)
    register(bucket, SECOND)
    digest = mv.Digest.of(SECOND["model.onnx"]).hex
    name, _, prefix = bucket.url.removeprefix("s3://").partition("/")
    with seaweedfs.client() as client:
        key = f"{prefix}/blobs/sha256/{digest[:2]}/{digest}"
        client.put_object(Bucket=name, Key=key, Body=b"x" * len(SECOND["model.onnx"]))
    for _ in range(2):
        with pytest.raises(mv.IntegrityError, match="damaged"):
            bucket.materialize(ALIAS, place)
        objects = seaweedfs.behind(place)
        assert json.loads(objects["modelver.json"])["current"] == first.path.rpartition("/")[2]
        assert not [path for path, data in objects.items() if data.startswith(b"xxx")]


def test_in_a_bucket_what_is_not_ours_is_left(bucket: mv.Registry, seaweedfs: SeaweedFS) -> None:
    """A place with something in it, or in the registry, is refused; somebody's file in a version that goes stays."""
    register(bucket, FIRST)
    place = beside(bucket)
    name, _, prefix = place.removeprefix("s3://").partition("/")
    with seaweedfs.client() as client:
        client.put_object(Bucket=name, Key=f"{prefix}-2/mine.txt", Body=b"mine")
        with pytest.raises(mv.AlreadyExists):
            bucket.materialize(ALIAS, f"{place}-2")
        first = bucket.materialize(ALIAS, place).path.rpartition("/")[2]
        client.put_object(Bucket=name, Key=f"{prefix}/{first}/mine.txt", Body=b"mine")
        second = register(bucket, SECOND)
        key = f"{prefix}/2-{second.digest.hex[:12]}/model.onnx"
        client.put_object(Bucket=name, Key=key, Body=b"mine")
        with pytest.raises(mv.AlreadyExists):
            bucket.materialize(ALIAS, place)
        client.delete_object(Bucket=name, Key=key)
    bucket.materialize(ALIAS, place, keep=1, grace=0)
    assert [path for path in seaweedfs.behind(place) if path.startswith(first)] == [f"{first}/mine.txt"]
    for other in (f"{bucket.url}/x/../y", f"{bucket.url}//x", f"{bucket.url}/./x"):
        with pytest.raises(mv.InvalidValue, match="plain folders"):
            bucket.materialize(ALIAS, other)
    for other in (bucket.url, f"{bucket.url}/models", bucket.url.rpartition("/")[0]):
        with pytest.raises(mv.InvalidValue, match="not a place"):
            bucket.materialize(ALIAS, other)
    for other in ("memory://x", "ftp://host/x", "sftp://host/x"):
        with pytest.raises(mv.UnsupportedStore, match="kept in step"):
            bucket.materialize(ALIAS, other)


def test_two_at_once_in_a_bucket_end_with_a_whole_version(bucket: mv.Registry, seaweedfs: SeaweedFS) -> None:
    """There are no locks there; the mark always names a version whose files are all there."""
    register(bucket, FIRST)
    register(bucket, SECOND)
    place = beside(bucket)
    name, _, key = f"{place}/modelver.json".removeprefix("s3://").partition("/")

    def sync(version: str) -> None:
        for _ in range(2):
            bucket.materialize(f"{MODEL}:{version}", place)

    with seaweedfs.client() as client:
        for _ in at_once(partial(sync, "1.0.0"), partial(sync, "1.1.0")):
            with suppress(client.exceptions.NoSuchKey):
                with closing(client.get_object(Bucket=name, Key=key)["Body"]) as body:
                    current = json.load(body)["current"]
                assert not current or seaweedfs.behind(f"{place}/{current}") in (FIRST, SECOND)
    current = json.loads(seaweedfs.behind(place)["modelver.json"])["current"]
    assert seaweedfs.behind(f"{place}/{current}") in (FIRST, SECOND)
