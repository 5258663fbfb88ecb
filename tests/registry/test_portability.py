"""A registry is its objects: copied plainly to any other kind of store it opens, verifies, loads and goes on."""

import uuid
from pathlib import Path

import pytest

import modelver as mv
from modelver.storage import open_store
from tests.registries import MODEL, objects, weights, write_tree
from tests.servers.seaweedfs import SeaweedFS

KINDS = ["bucket", "folder", "memory"]
CONTENTS = [weights(a=[1.0]), weights(a=[2.0]), weights(a=[2.0], b=[3.0])]
Address = tuple[str, dict[str, object]]


def fresh(kind: str, server: SeaweedFS, folder: Path) -> Address:
    """Return a new, empty place of a kind."""
    name = uuid.uuid4().hex
    if kind == "bucket":
        return server.fresh()
    return (str(folder / name) if kind == "folder" else f"memory://{name}"), {}


def taken_out(address: Address, server: SeaweedFS) -> dict[str, bytes]:
    """Return all objects of a place, read behind modelver's back where there is a way."""
    url, options = address
    if url.startswith("s3:"):
        return server.behind(url)
    if url.startswith("memory:"):
        store = open_store(url, storage_options=options)
        return {entry.key: store.get(entry.key, limit=2**30) for entry in store.list("")}
    return objects(Path(url))


def put_in(address: Address, found: dict[str, bytes], server: SeaweedFS) -> None:
    """Copy objects to a place by its own means."""
    url, options = address
    if url.startswith("s3:"):
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        with server.client() as client:
            for key, data in found.items():
                client.put_object(Bucket=bucket, Key=f"{prefix}/{key}", Body=data)
    elif url.startswith("memory:"):
        for key, data in found.items():
            open_store(url, storage_options=options).put_new(key, data)
    else:
        write_tree(Path(url), dict(found))


def opened(address: Address, cache: Path) -> mv.Registry:
    """Open a registry as another machine does."""
    url, options = address
    return mv.Registry(url, storage_options=options, cache_dir=cache, create=True)


@pytest.fixture(scope="module", params=KINDS)
def made(
    request: pytest.FixtureRequest, seaweedfs: SeaweedFS, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Address, mv.Registry]:
    """Give a registry of each kind with versions and a move back, which no test writes to, and where it is."""
    folder = tmp_path_factory.mktemp("original")
    address = fresh(request.param, seaweedfs, folder)
    registry = opened(address, folder / "cache")
    for content in CONTENTS:
        files = {"model.safetensors": content, "prompts/system.txt": b"Case: {case}", "config.json": b"{}"}
        registry.register(MODEL, {**files}, aliases=["production"], metrics={"f1": 0.9}, capture=False)
    registry.rollback(MODEL, "production", reason="worse")
    return address, registry


@pytest.mark.parametrize("target", KINDS)
def test_a_copy_of_the_objects_is_the_registry(
    made: tuple[Address, mv.Registry], target: str, seaweedfs: SeaweedFS, tmp_path: Path
) -> None:
    """What the copy says is what the original says, byte for byte; it is written to like any other."""
    first, original = made
    second = fresh(target, seaweedfs, tmp_path)
    put_in(second, taken_out(first, seaweedfs), seaweedfs)
    assert taken_out(second, seaweedfs) == taken_out(first, seaweedfs)

    copy = opened(second, tmp_path / "copy")
    report = copy.verify()
    assert report, report
    assert copy.versions(MODEL) == original.versions(MODEL)
    assert [*copy.history(MODEL)] == [*original.history(MODEL)]
    for version, content in zip(copy.versions(MODEL), CONTENTS, strict=True):
        assert (copy.load(version) / "model.safetensors").read_bytes() == content
    one, other = f"{MODEL}:1.1.0", f"{MODEL}:2.0.0"
    assert copy.compare(one, other).to_dict() == original.compare(one, other).to_dict()

    assert str(copy.rollback(MODEL, "production", reason="worse still").version) == "1.0.0"
    new = copy.register(MODEL, {"model.safetensors": weights(a=[4.0])}, aliases=["production"], capture=False)
    assert copy.resolve(f"{MODEL}@production").digest == new.digest
    assert copy.verify()
    assert str(original.resolve(f"{MODEL}@production").version) == "1.1.0"
    assert set(taken_out(first, seaweedfs).items()) < set(taken_out(second, seaweedfs).items())
