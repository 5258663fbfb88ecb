"""Datasets as a version records them: the same on every machine, and saying how."""

import hashlib
import json
from pathlib import Path

import fsspec
import pytest

from modelver.cache.stamps import StampCache
from modelver.content.datasets import digest_dataset
from modelver.errors import InvalidValue, NotFound, StoreError, UnsafePath
from modelver.values.record import Dataset
from tests.registries import ordinary_account, write_tree


@pytest.fixture
def stamps(private_cache: Path) -> StampCache:
    """Give what the user's machine remembers."""
    return StampCache(private_cache)


def sha256(data: bytes) -> str:
    """Return a digest as `sha256sum` prints it."""
    return hashlib.sha256(data).hexdigest()


def rows(*found: list[object]) -> str:
    """Return the digest that docs/format.md names for these rows."""
    return "sha256:" + sha256(json.dumps(found, separators=(",", ":")).encode())


def recorded(dataset: Dataset, stamps: StampCache) -> tuple[str, str, str]:
    """Return what goes on record: where, digest, method."""
    found = digest_dataset(dataset, stamps, {})
    return found.uri, found.digest, found.method


def test_a_file_is_its_sha256_under_its_name(tmp_path: Path, stamps: StampCache) -> None:
    """Of a local file the record holds its name alone, so that it is the same on every machine."""
    write_tree(tmp_path, {"train.csv": "a,b\n"})
    expected = ("train.csv", "sha256:" + sha256(b"a,b\n"), "content")
    assert recorded(Dataset("train", uri=str(tmp_path / "train.csv")), stamps) == expected
    assert recorded(Dataset("train", uri=(tmp_path / "train.csv").as_uri()), stamps) == expected


def test_a_folder_is_the_list_of_its_files(tmp_path: Path, stamps: StampCache) -> None:
    """Path, size and SHA-256 of each file, sorted, in canonical JSON."""
    write_tree(tmp_path / "data", {"b.csv": "22", "a/x.csv": "1"})
    expected = rows(["a/x.csv", 1, sha256(b"1")], ["b.csv", 2, sha256(b"22")])
    assert recorded(Dataset("train", uri=f"{tmp_path}/data/"), stamps) == ("data", expected, "content")


def test_a_listing_is_taken_where_it_is_asked_for(tmp_path: Path, stamps: StampCache) -> None:
    """Of a huge local folder, names and sizes may be enough."""
    write_tree(tmp_path / "data", {"b.csv": "22", "a.csv": "1"})
    dataset = Dataset("train", uri=str(tmp_path / "data"), digest="listing")
    assert recorded(dataset, stamps) == ("data", rows(["a.csv", 1, ""], ["b.csv", 2, ""]), "listing")


def test_a_remote_one_is_recorded_by_its_listing(tmp_path: Path, stamps: StampCache) -> None:
    """Nothing is downloaded; the address goes on record without credentials."""
    fsspec.filesystem("memory").pipe({f"{tmp_path}/d/a": b"1", f"{tmp_path}/d/b/c": b"22"})
    expected = rows(["a", 1, ""], ["b/c", 2, ""])
    url = f"memory:/{tmp_path}/d"
    assert recorded(Dataset("train", uri=url), stamps) == (url, expected, "listing")
    assert recorded(Dataset("train", uri=url, digest="listing"), stamps) == (url, expected, "listing")
    with pytest.raises(InvalidValue, match="by its listing"):
        recorded(Dataset("train", uri=url, digest="content"), stamps)
    with pytest.raises(NotFound):
        recorded(Dataset("train", uri=f"{url}/nothing"), stamps)


def test_a_stated_digest_is_taken_as_it_is(stamps: StampCache) -> None:
    """The publisher's word is recorded as such, and a place is not looked at."""
    digest = "sha256:" + "ab" * 32
    dataset = Dataset("train", uri="s3://key:secret@lake/train", digest=digest)
    assert recorded(dataset, stamps) == ("s3://lake/train", digest, "stated")
    assert recorded(Dataset("train", digest=digest), stamps) == ("", digest, "stated")


def test_a_recorded_dataset_stays_as_it_was_recorded(stamps: StampCache) -> None:
    """Metadata of an earlier version can be given again, and is the same statement."""
    dataset = Dataset("train", uri="train.csv", digest="sha256:" + "ab" * 32, method="content")
    assert digest_dataset(dataset, stamps, {}) == dataset


@pytest.mark.parametrize("digest", ["md5:abc", "sha256:abc", "sha256:" + "AB" * 32, "Content"])
def test_other_digests_are_refused(digest: str, stamps: StampCache, tmp_path: Path) -> None:
    """A digest is `content`, `listing`, or a whole SHA-256."""
    with pytest.raises(InvalidValue):
        recorded(Dataset("train", uri=str(tmp_path), digest=digest), stamps)


def test_a_dataset_is_somewhere(stamps: StampCache, tmp_path: Path) -> None:
    """Without place and digest there is nothing to record; a missing place is named with the dataset."""
    with pytest.raises(InvalidValue, match="needs a uri"):
        recorded(Dataset("train"), stamps)
    with pytest.raises(NotFound, match="'train' is missing"):
        recorded(Dataset("train", uri=str(tmp_path / "nothing")), stamps)
    with pytest.raises(InvalidValue):
        recorded(Dataset("train", uri="a\0b"), stamps)


def test_a_dataset_does_not_leave_its_folder(stamps: StampCache, tmp_path: Path) -> None:
    """A link out of the folder is refused, as in a version."""
    write_tree(tmp_path, {"data/a": "1", "secret": "s"})
    (tmp_path / "data" / "link").symlink_to("../secret")
    with pytest.raises(UnsafePath):
        recorded(Dataset("train", uri=str(tmp_path / "data")), stamps)


def test_an_unreadable_dataset_is_a_store_error() -> None:
    """A file without the right to read it is told as such."""
    with ordinary_account() as folder:
        write_tree(folder, {"train.csv": "1"})
        (folder / "train.csv").chmod(0)
        with pytest.raises(StoreError, match="Permission denied"):
            recorded(Dataset("train", uri=str(folder / "train.csv")), StampCache(folder / "cache"))


def test_a_change_is_never_missed(tmp_path: Path, stamps: StampCache) -> None:
    """A remembered digest is used for the same stamp only."""
    dataset = Dataset("train", uri=str(tmp_path / "a"))
    write_tree(tmp_path, {"a": "1"})
    first = digest_dataset(dataset, stamps, {})
    assert digest_dataset(dataset, stamps, {}) == first
    write_tree(tmp_path, {"a": "2"})
    assert digest_dataset(dataset, stamps, {}).digest == "sha256:" + sha256(b"2")
