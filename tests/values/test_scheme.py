"""Version schemes: what reads as a version, which is higher, and which comes next."""

import copy
import itertools
import pickle

import pytest
import semver
from hypothesis import assume, given
from hypothesis import strategies as st

from modelver.errors import InvalidName
from modelver.values.scheme import MAX_VERSION, Bump, Scheme
from modelver.values.version import Version
from tests.strategies import schemes, semver_texts, templates, versions_of

SEMVER = Scheme.parse("semver")
TAG = Scheme.parse("gpt4-cx-v{major}.{minor}")
RELEASES: tuple[Bump, ...] = ("major", "minor", "patch")

# Semantic Versioning 2.0.0, section 11: the examples of 11.2, 11.3 and 11.4, and what 11.4.1 to 11.4.4 say of others.
SECTION_11 = [
    ["1.0.0", "2.0.0", "2.1.0", "2.1.1"],
    ["1.0.0-alpha", "1.0.0"],
    [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
    ],
    ["1.9.0", "1.10.0", "1.11.0"],
    ["1.0.0-2", "1.0.0-11", "1.0.0-999999999", "1.0.0-A", "1.0.0-Z", "1.0.0-a", "1.0.0-a.0", "1.0.0-a-"],
]

# From the test set that semver.org links to (https://regex101.com/r/vkijKf/1/).
VALID = """
0.0.4 1.2.3 10.20.30 1.1.2-prerelease+meta 1.1.2+meta 1.1.2+meta-valid 1.0.0-alpha 1.0.0-beta 1.0.0-alpha.beta
1.0.0-alpha.beta.1 1.0.0-alpha.1 1.0.0-alpha0.valid 1.0.0-alpha.0valid 1.0.0-rc.1+build.1 2.0.0-rc.1+build.123
1.2.3-beta 10.2.3-DEV-SNAPSHOT 1.2.3-SNAPSHOT-123 1.0.0 2.0.0 1.1.7 2.0.0+build.1848 2.0.1-alpha.1227
1.0.0-alpha+beta 1.2.3----RC-SNAPSHOT.12.9.1--.12+788 1.2.3----R-S.12.9.1--.12+meta 1.0.0+0.build.1-rc.10000aaa-kk-0.1
99999999999999999999999.999999999999999999.99999999999999999 1.0.0-0A.is.legal
""".split()
INVALID = """
1 1.2 1.2.3-0123 1.2.3-0123.0123 1.1.2+.123 +invalid -invalid -invalid+invalid alpha alpha.beta 1.0.0-alpha_beta
1.0.0-alpha.. 1.0.0-alpha..1 01.1.1 1.01.1 1.1.01 1.2.3.DEV 1.2-SNAPSHOT 1.2-RC-SNAPSHOT -1.0.3-gamma+b7718 +justmeta
9.8.7+meta+meta 9.8.7-whatever+meta+meta vv1.0.0 V1.0.0 1.0.0- 1.0.0+
""".split()
INVALID += [
    "",
    "1.\u0660.0",
    " 1.0.0",
    "1.0.0 ",
    "1.0.0\n",
    "1.0.0-a\n",
    "v",
    "1.0.0\0",
    "1." + "1" * MAX_VERSION + ".0",
]


@pytest.mark.parametrize("text", VALID)
def test_what_semver_allows_is_read_and_written_back(text: str) -> None:
    """Every valid version of semver.org's test set comes back as it was written, with or without a v before it."""
    assert SEMVER.version(text) == text
    assert SEMVER.version(f"v{text}") == text


@pytest.mark.parametrize("text", INVALID)
def test_what_semver_forbids_is_refused(text: str) -> None:
    """The invalid ones, line ends and other digits are refused, and the message shows a good one."""
    assert not SEMVER.reads(text)
    with pytest.raises(InvalidName, match=r"not a version of the scheme semver.*such as 1\.0\.0"):
        SEMVER.version(text)


@pytest.mark.parametrize("ordered", SECTION_11)
def test_precedence_follows_section_11_of_semver(ordered: list[str]) -> None:
    """Each version comes after all before it, however the list was shuffled."""
    versions = [SEMVER.version(text) for text in ordered]
    for lower, higher in itertools.combinations(versions, 2):
        assert lower < higher
        assert lower <= higher
        assert higher > lower
        assert higher >= lower
        assert lower != higher
    shuffled = versions[1::2] + versions[::2]
    assert sorted(shuffled) == versions


@given(semver_texts, semver_texts)
def test_the_order_is_that_of_the_semver_package(one: str, other: str) -> None:
    """Where the package sees a difference, so do we; build metadata alone breaks ties by text."""
    left, right = SEMVER.version(one), SEMVER.version(other)
    judged = semver.Version.parse(one).compare(other)
    if judged:
        assert (left < right) == (judged < 0)
    else:
        assert one.partition("+")[0] == other.partition("+")[0]
        assert (left < right) == (one < other)


@given(st.data(), schemes)
def test_the_order_is_total(data: st.DataObject, scheme: Scheme) -> None:
    """Of two versions of a scheme exactly one of <, == and > holds, and the order is transitive."""
    one, two, three = (scheme.version(data.draw(versions_of(scheme))) for _ in range(3))
    assert [one < two, one == two, one > two].count(True) == 1
    assert (one <= two) == (one < two or one == two)
    assert (one >= two) == (one > two or one == two)
    low, middle, high = sorted([one, two, three])
    assert low <= middle <= high
    assert low <= high


@pytest.mark.parametrize("other", ["1.10.0", "", 1, None])
def test_a_version_is_not_ordered_against_plain_text(other: object) -> None:
    """As texts 1.10.0 comes before 1.9.0: a wrong answer would be silent, so there is none."""
    version = SEMVER.version("1.9.0")
    for compare in (
        lambda: version < other,  # type: ignore[operator] # that is the point
        lambda: version <= other,  # type: ignore[operator] # likewise
        lambda: version > other,  # type: ignore[operator] # likewise
        lambda: version >= other,  # type: ignore[operator] # likewise
        lambda: other < version,  # type: ignore[operator] # likewise
        lambda: max(other, version),  # type: ignore[type-var] # likewise
    ):
        with pytest.raises(TypeError, match="compared with versions"):
            compare()


def test_a_version_is_its_text_in_every_other_way() -> None:
    """It equals, hashes, formats and looks up as the plain text does."""
    version = SEMVER.version("v1.3.0")
    assert version == "1.3.0"
    assert {"1.3.0": "found"}[version] == "found"
    assert f"{version:>6}" == " 1.3.0"


@given(st.data(), schemes)
def test_a_version_survives_text_pickle_and_copies(data: st.DataObject, scheme: Scheme) -> None:
    """scheme.version(str(v)) == v, and its order is not lost on the way."""
    version = scheme.version(data.draw(versions_of(scheme)))
    for other in (
        scheme.version(str(version)),
        pickle.loads(pickle.dumps(version)),  # noqa: S301 (our own bytes)
        copy.deepcopy(version),
    ):
        assert (other, type(other), other.number) == (version, Version, version.number)


@pytest.mark.parametrize(
    ("template", "text", "number"),
    [
        ("gpt4-cx-v{major}.{minor}", "gpt4-cx-v1.3", "1.3.0"),
        ("gpt4-cx-v{major}.{minor}", "gpt4-cx-v1.3-exp.7", "1.3.0-exp.7"),
        ("gpt4-cx-v{major}.{minor}", "gpt4-cx-v0.0", "0.0.0"),
        ("v{major}", "v12", "12.0.0"),
        ("{major}-{minor}-{patch}", "1-2-3", "1.2.3"),
        ("{major}-{minor}-{patch}", "1-2-3-4", "1.2.3-4"),
        ("Release_{major}rc{minor}", "Release_7rc2", "7.2.0"),
    ],
)
def test_task_tags_are_read_and_written(template: str, text: str, number: str) -> None:
    """A tag's numbers are found in the template's places."""
    version = Scheme.parse(template).version(text)
    assert version == text
    assert str(version.number) == number


@pytest.mark.parametrize(
    "text",
    """
    1.3.0 gpt4-cx-v1 gpt4-cx-v1. gpt4-cx-v1.3.0 gpt4-cx-v01.3 gpt4-cx-v1.03 gpt4-cx-v1.3- gpt4-cx-v1.3-01
    gpt4-cx-v1.3+build gpt4-cx-v1.3-a+b GPT4-CX-v1.3 gpt4-cx-v-1.3 xgpt4-cx-v1.3 gpt4-cx-v1.3x gpt4-cx-v1.3-a_b
    gpt4-cx-v1.1000000000000000000 vgpt4-cx-v1.3
    """.split(),
)
def test_what_only_resembles_a_tag_is_refused(text: str) -> None:
    """Leading zeros, build metadata, another case and everything else that would be read in two ways."""
    assert not TAG.reads(text)
    with pytest.raises(InvalidName, match=r"such as gpt4-cx-v1\.0"):
        TAG.version(text)


@given(st.data(), templates.map(Scheme.parse))
def test_a_tag_says_its_numbers_in_one_way_only(data: st.DataObject, scheme: Scheme) -> None:
    """Two texts of one template have equal numbers only if they are equal."""
    one, other = (scheme.version(data.draw(versions_of(scheme))) for _ in range(2))
    assert (one.number == other.number) == (one == other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v",
        "SEMVER",
        "semver ",
        "{minor}",
        "{patch}.{minor}",
        "{minor}.{major}",
        "{major}.{major}",
        "{major}.{patch}",
        "{major}{minor}",
        "{major}.{minor}.{patch}.{build}",
        "v{major}-final",
        "v{major",
        "v{{major}}",
        "v{ major }",
        "v{major}}",
        "gpt4{major}",
        "{major}1.{minor}",
        "{major}.1{minor}",
        "a/{major}",
        "a b{major}",
        "a--{major}",
        "{major}..{minor}",
        "com{major}",
        "-{major}",
        "é{major}",
        "v{major}\n",
        "a" * 64 + "{major}",
    ],
)
def test_templates_that_could_not_be_read_back_are_refused(text: str) -> None:
    """A scheme begins with {major}, ends with its last number, and is a name that every platform can hold."""
    with pytest.raises(InvalidName):
        Scheme.parse(text)


@given(schemes)
def test_a_new_model_begins_with_1_0_0(scheme: Scheme) -> None:
    """The first version is 1.0.0 in the scheme's writing, and reads back."""
    first = scheme.first()
    assert str(first.number) == "1.0.0"
    assert scheme.version(first) == first
    for bump in RELEASES:
        assert scheme.bump([], bump) == first


@pytest.mark.parametrize(
    ("known", "bump", "expected"),
    [
        (["1.3.0"], "major", "2.0.0"),
        (["1.3.0"], "minor", "1.4.0"),
        (["1.3.4"], "patch", "1.3.5"),
        (["1.3.0"], "prerelease", "1.4.0-exp.1"),
        (["1.4.0-exp.6"], "prerelease", "1.4.0-exp.7"),
        (["1.4.0-exp.9"], "prerelease", "1.4.0-exp.10"),
        (["1.4.0-rc"], "prerelease", "1.4.0-rc.1"),
        (["1.4.0-rc9"], "prerelease", "1.4.0-rc9.1"),
        (["1.4.0-1.x"], "prerelease", "1.4.0-1.x.1"),
        (["1.4.0-exp.1+build"], "prerelease", "1.4.0-exp.2"),
        (["1.3.0+build"], "patch", "1.3.1"),
        (["1.3.0", "1.4.0-exp.7"], "minor", "1.4.0"),
        (["1.3.0", "2.0.0-exp.7"], "patch", "1.3.1"),
        (["1.4.0-exp.7"], "major", "1.4.0"),
        (["0.9.0", "1.10.0", "1.9.0"], "minor", "1.11.0"),
        ([], "prerelease", "1.0.0-exp.1"),
    ],
)
def test_semver_bumps(known: list[str], bump: Bump, expected: str) -> None:
    """Releases follow the highest release, pre-releases the highest version."""
    assert SEMVER.bump([SEMVER.version(text) for text in known], bump) == expected


@pytest.mark.parametrize(
    ("template", "known", "bump", "expected"),
    [
        ("gpt4-cx-v{major}.{minor}", "gpt4-cx-v1.3", "major", "gpt4-cx-v2.0"),
        ("gpt4-cx-v{major}.{minor}", "gpt4-cx-v1.3", "minor", "gpt4-cx-v1.4"),
        ("gpt4-cx-v{major}.{minor}", "gpt4-cx-v1.3", "patch", "gpt4-cx-v1.4"),
        ("gpt4-cx-v{major}.{minor}", "gpt4-cx-v1.3", "prerelease", "gpt4-cx-v1.4-exp.1"),
        ("gpt4-cx-v{major}.{minor}", "gpt4-cx-v1.4-exp.1", "prerelease", "gpt4-cx-v1.4-exp.2"),
        ("v{major}", "v3", "patch", "v4"),
        ("v{major}", "v3", "prerelease", "v4-exp.1"),
        ("v{major}_{minor}_{patch}", "v1_2_3", "patch", "v1_2_4"),
    ],
)
def test_task_tags_are_bumped_as_far_as_their_template_goes(
    template: str, known: str, bump: Bump, expected: str
) -> None:
    """Where a template lacks the bumped number, its last one is raised."""
    scheme = Scheme.parse(template)
    assert scheme.bump([scheme.version(known)], bump) == expected


@given(st.data(), schemes)
def test_a_bumped_version_is_new_and_in_order(data: st.DataObject, scheme: Scheme) -> None:
    """A release is higher than every release given, a pre-release than every version; each reads back, and is new."""
    known = [scheme.version(text) for text in data.draw(st.lists(versions_of(scheme), max_size=6))]
    releases = [version for version in known if not version.is_prerelease]
    bump = data.draw(st.sampled_from(RELEASES))
    assume(all(number < 10**17 for version in known for number in version.number.to_tuple()[:3]))
    release = scheme.bump(known, bump)
    assert not release.is_prerelease
    assert all(release > version for version in releases)
    prerelease = scheme.bump(known, "prerelease")
    assert prerelease.is_prerelease
    assert all(prerelease > version for version in known)
    for made in (release, prerelease):
        assert made not in known
        assert scheme.version(str(made)).number == made.number


@pytest.mark.parametrize(
    ("scheme", "known", "bump"),
    [
        (TAG, "gpt4-cx-v1.999999999999999999", "minor"),
        (SEMVER, "1.0.0-" + "9" * (MAX_VERSION - 6), "prerelease"),
        (SEMVER, "1.0.0-" + "a" * (MAX_VERSION - 6), "prerelease"),
    ],
)
def test_a_bump_beyond_what_can_be_read_is_refused(scheme: Scheme, known: str, bump: Bump) -> None:
    """No version is made that the scheme itself would not read."""
    with pytest.raises(InvalidName):
        scheme.bump([scheme.version(known)], bump)


@given(st.data(), schemes)
def test_finalizing_drops_what_follows_the_numbers(data: st.DataObject, scheme: Scheme) -> None:
    """A pre-release leads to the release of its numbers, which is higher; a release leads to itself."""
    version = scheme.version(data.draw(versions_of(scheme)))
    final = scheme.finalize(version)
    assert not final.is_prerelease
    assert final.number.to_tuple() == (*version.number.to_tuple()[:3], None, None)
    if version.is_prerelease:
        assert final > version
    assert scheme.finalize(final) == final


def test_finalizing_an_experiment() -> None:
    """1.4.0-exp.7 becomes 1.4.0, and a task tag likewise."""
    assert SEMVER.finalize(SEMVER.version("1.4.0-exp.7")) == "1.4.0"
    assert TAG.finalize(TAG.version("gpt4-cx-v1.4-exp.7")) == "gpt4-cx-v1.4"
