"""Components of two versions: the same or not, never guessed."""

import pytest

from modelver.compare import Side, compare
from modelver.compare.components import COMPONENTS, ComponentRow
from modelver.values.file import Role
from modelver.values.provenance import Code, Environment, Provenance
from modelver.values.record import Dataset, Metadata
from tests.compare.support import side

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40
DIGEST, OTHER_DIGEST = (f"sha256:{digit * 64}" for digit in "ab")


def component(name: str, a: Side, b: Side) -> ComponentRow:
    """Return one component's row."""
    return next(row for row in compare(a, b).components if row.component == name)


def stated(*data: Dataset, code: Code | None = None) -> Side:
    """Return a version that states datasets and code."""
    return side({"f": b""}, metadata=Metadata(data=data, code=code))


def captured(code: Code | None = None, environment: Environment | None = None) -> Side:
    """Return a version with provenance."""
    return side({"f": b""}, provenance=Provenance(code, environment))


def test_every_component_is_listed_in_order() -> None:
    """A program finds each component; those of which neither version has anything are the same."""
    found = compare(side({"f": b""}), side({"f": b""})).components
    assert tuple(row.component for row in found) == COMPONENTS
    assert {row.component for row in found if row.reason == "none"} == set(COMPONENTS) - {
        "code",
        "environment",
        "other",
    }


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("model.pt", "weights"),
        ("config.json", "config"),
        ("prompts/system.txt", "prompts"),
        ("tokenizer.json", "tokenizer"),
        ("train.py", "code"),
        ("README.md", "docs"),
        ("f", "other"),
    ],
)
def test_a_file_counts_for_its_role(path: str, name: str) -> None:
    """Each role is a component, which comes, changes, goes, or stays."""
    none, one, two = side({"x.csv": b""}), side({"x.csv": b"", path: b"1"}), side({"x.csv": b"", path: b"2"})
    assert component(name, none, one).status == "added"
    assert component(name, one, two).status == "changed"
    assert component(name, two, none).status == "removed"
    assert component(name, one, one).status == "same"


def test_a_reason_counts_files() -> None:
    """The reason says how many files changed in which way."""
    a, b = side({"a.pt": b"1", "b.pt": b"2", "c.pt": b"3"}), side({"a.pt": b"1", "b.pt": b"4", "d.pt": b"3"})
    assert component("weights", a, b).reason == "files: 1 changed, 1 renamed, 1 unchanged"
    assert component("weights", a, a).reason == "3 files of the same bytes"


def test_a_file_that_changes_its_role_leaves_one_component_for_another() -> None:
    """The components follow the roles."""
    a, b = side({"f": b"1"}, roles={"f": Role.OTHER}), side({"f": b"1"}, roles={"f": Role.DATA})
    assert component("other", a, b).status == "removed"
    assert component("data", a, b).status == "added"


@pytest.mark.parametrize(
    ("a", "b", "status", "reason"),
    [
        (Dataset("d", digest=DIGEST, method="content"), Dataset("d", digest=DIGEST), "same", "same digest"),
        (
            Dataset("d", digest=DIGEST, method="content"),
            Dataset("d", digest=OTHER_DIGEST, method="content"),
            "changed",
            "other digest",
        ),
        (
            Dataset("d", digest=DIGEST, method="content"),
            Dataset("d", digest=OTHER_DIGEST, method="listing"),
            "unknown",
            "digested by content, then by listing",
        ),
        (Dataset("d", version="1"), Dataset("d", version="2"), "changed", "version 1 -> 2"),
        (Dataset("d", version="1"), Dataset("d", version="1"), "unknown", "no digest to compare"),
        (Dataset("d", digest=DIGEST), Dataset("d"), "unknown", "no digest to compare"),
        (None, Dataset("d"), "added", "added"),
        (Dataset("d"), None, "removed", "removed"),
    ],
)
def test_data_is_compared_by_digest(a: Dataset | None, b: Dataset | None, status: str, reason: str) -> None:
    """Equal digests are equal data, other digests of one kind other data; else only a stated version tells."""
    found = component("data", stated(*filter(None, [a])), stated(*filter(None, [b])))
    assert (found.status, found.reason) == (status, f"d: {reason}")


def test_datasets_are_paired_by_name_and_split() -> None:
    """Two datasets of one name are two: each split, and each that comes again."""
    a = stated(
        Dataset("d", digest=DIGEST), Dataset("d", split="test", digest=DIGEST), Dataset("d", digest=DIGEST)
    )
    b = stated(Dataset("d", digest=DIGEST), Dataset("d", split="test", digest=OTHER_DIGEST))
    found = component("data", a, b)
    assert found.status == "changed"
    assert found.reason == "d: same digest; d: removed; d[test]: other digest"
    assert [(row.field, row.a, row.b) for row in found.details] == [
        ("d", DIGEST, None),
        ("d[test]", DIGEST, OTHER_DIGEST),
    ]


def test_data_is_unknown_where_a_part_of_it_is() -> None:
    """One dataset that can't be compared is enough, unless another one changed."""
    a, b = (
        stated(Dataset("d", digest=DIGEST), Dataset("e")),
        stated(Dataset("d", digest=DIGEST), Dataset("e")),
    )
    assert component("data", a, b).status == "unknown"


@pytest.mark.parametrize(
    ("a", "b", "status", "reason"),
    [
        (Code(commit=COMMIT, dirty=False), Code(commit=COMMIT, dirty=False), "same", "commit 0123456789ab"),
        (Code(commit=COMMIT), Code(commit=OTHER), "changed", "commit 0123456789ab -> ffffffffffff"),
        (
            Code(commit=COMMIT, dirty=False),
            Code(commit=COMMIT, dirty=True),
            "unknown",
            "commit 0123456789ab, perhaps with uncommitted changes",
        ),
        (
            Code(commit=COMMIT, dirty=False),
            Code(commit=COMMIT, dirty=False, path="v2"),
            "changed",
            "folder . -> v2 of commit 0123456789ab",
        ),
        (Code(), Code(commit=COMMIT), "unknown", "no commit recorded"),
        (None, Code(commit=COMMIT), "unknown", "no commit recorded of acme/fraud:1.0.0"),
        (None, None, "unknown", "no commit recorded"),
    ],
)
def test_code_is_compared_by_commit(a: Code | None, b: Code | None, status: str, reason: str) -> None:
    """A clean checkout of one commit is the same code; a dirty one may be anything."""
    found = component("code", captured(a), captured(b))
    assert (found.status, found.reason) == (status, reason)


def test_stated_code_goes_before_captured_code() -> None:
    """What the publisher says is what was meant."""
    a = stated(code=Code(commit=COMMIT, dirty=False))
    b = side(
        {"f": b""},
        metadata=Metadata(code=Code(commit=COMMIT, dirty=False)),
        provenance=Provenance(Code(commit=OTHER)),
    )
    assert component("code", a, b).status == "same"


def test_code_files_of_the_same_bytes_need_no_commit() -> None:
    """Where the version has its code inside, that is what counts."""
    found = component("code", side({"train.py": b"1"}), side({"train.py": b"1"}))
    assert (found.status, found.reason) == ("same", "1 file of the same bytes")


def test_packages_that_changed_are_named() -> None:
    """The environment's details are what was upgraded, added or removed, and whatever else differs."""
    a = Environment("3.11.7", "CPython", "Linux", "x86_64", {"numpy": "1.26", "rich": "13", "tqdm": "4"})
    b = Environment(
        "3.12.1", "CPython", "Linux", "x86_64", {"numpy": "2.0", "tqdm": "4", "xxhash": "3"}, ("H100",)
    )
    found = component("environment", captured(environment=a), captured(environment=b))
    assert (found.status, found.reason) == ("changed", "accelerators, python 3.11.7 -> 3.12.1, 3 packages")
    assert [(row.field, row.a, row.b) for row in found.details] == [
        ("accelerators", [], ["H100"]),
        ("packages.numpy", "1.26", "2.0"),
        ("packages.rich", "13", None),
        ("packages.xxhash", None, "3"),
        ("python", "3.11.7", "3.12.1"),
    ]


def test_one_package_is_no_packages() -> None:
    """The reason counts in English."""
    a, b = (Environment("3.12", "CPython", "Linux", "x86_64", {"numpy": version}) for version in "12")
    assert component("environment", captured(environment=a), captured(environment=b)).reason == "1 package"


def test_another_python_needs_no_other_packages() -> None:
    """Every part of the environment counts by itself."""
    a, b = (Environment(python, "CPython", "Linux", "x86_64") for python in ("3.11", "3.12"))
    found = component("environment", captured(environment=a), captured(environment=b))
    assert (found.status, found.reason) == ("changed", "python 3.11 -> 3.12")


def test_an_environment_is_the_same_or_unknown() -> None:
    """Without a capture nothing is claimed."""
    one = captured(environment=Environment("3.12", "CPython", "Linux", "x86_64", {"numpy": "2.0"}))
    assert component("environment", one, one).reason == "CPython 3.12, 1 package"
    assert component("environment", one, captured()).status == "unknown"
    assert component("environment", side({"f": b""}), one).reason == "not captured for acme/fraud:1.0.0"
