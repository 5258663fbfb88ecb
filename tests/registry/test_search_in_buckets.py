"""Searching a registry in a bucket: few requests, and the last known state where it can't be reached."""

import shutil
from pathlib import Path

import pytest

import modelver as mv
from tests.registries import publish
from tests.servers.faultproxy import NO_FAULTS, FaultProxy
from tests.servers.seaweedfs import SeaweedFS


def test_a_search_asks_a_bucket_little(seaweedfs: SeaweedFS, tmp_path: Path) -> None:
    """Building reads each commit and manifest once; afterwards one listing tells whether anything happened."""
    url, options = seaweedfs.fresh()
    writer = mv.Registry(url, storage_options=options, cache_dir=tmp_path / "writer", create=True)
    for number in range(3):
        for content in (b"1", b"2"):
            writer.register(f"model-{number}", {"m.bin": content}, metrics={"f1": 0.9}, capture=False)
    with FaultProxy("127.0.0.1", seaweedfs.port, NO_FAULTS) as proxy:
        reader = mv.Registry(
            url, storage_options={**options, "endpoint_url": proxy.url}, cache_dir=tmp_path / "reader"
        )
        assert len(reader.search("metrics.f1 > 0.5")) == 6
        built = proxy.requests.total()
        assert len(reader.search("metrics.f1 > 0.5")) == 6
        assert len(reader.search("metrics.f1 > 0.5", fresh=False)) == 6
        assert proxy.requests.total() - built == 1
    # Of each model: two listings, three commits, the one that is not there, two manifests; and founding, models.
    assert built <= 3 * 8 + 4


def test_a_bucket_that_can_not_be_reached_is_searched_as_it_was(seaweedfs: SeaweedFS, tmp_path: Path) -> None:
    """The index answers with a warning of its age, even where what was read of the logs is gone."""
    url, options = seaweedfs.fresh()
    reader = mv.Registry(url, storage_options=options, cache_dir=tmp_path / "reader", create=True)
    publish(reader, metrics={"f1": 0.9})
    reader.register("other", {"m.bin": b"1"}, metrics={"f1": 0.9}, capture=False)
    assert len(reader.search("metrics.f1 > 0.5")) == 2
    offline = mv.Registry(url, storage_options=options, cache_dir=tmp_path / "reader", offline=True)
    with pytest.warns(UserWarning, match="its last known state"):
        assert len(offline.search("metrics.f1 > 0.5")) == 2
    for kept in (tmp_path / "reader" / "registries").glob("*/models/other"):
        shutil.rmtree(kept)
    with pytest.warns(UserWarning, match="its last known state"):
        assert len(offline.search("metrics.f1 > 0.5")) == 2
    with pytest.warns(UserWarning, match="its last known state"):
        assert len(offline.search(model="oth*")) == 1
