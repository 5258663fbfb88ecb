"""`registry.release_notes`: to each audience what it needs, and nothing that harms."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import modelver as mv
from modelver.publish.audiences import AUDIENCES
from modelver.publish.markdown import to_html
from tests.publish.support import Reader
from tests.registries import MODEL, weights, write_tree

EVERYBODY = tuple(AUDIENCES)
A, B = f"{MODEL}:1.0.0", f"{MODEL}:2.0.0"


def release(registry: mv.Registry, number: str, **more: object) -> mv.ModelVersion:
    """Register a version with weights and a prompt."""
    values = [float(part) for part in number.partition("-")[0].split(".")]
    files = {
        "secret.safetensors": weights(hidden_layer=values),
        "prompts/system.txt": f"Be kind.\nNumber {number}.\nCase: {{case}}\n".encode(),
    }
    stated: dict[str, object] = {
        "version": number,
        "capture": False,
        "changelog": f"What {number} brings.",
        **more,
    }
    return registry.register(MODEL, files, **stated)  # type: ignore[arg-type] # as given


@pytest.fixture
def two(memory: mv.Registry) -> mv.Registry:
    """Give a model with two releases, one that was yanked and an experiment between them."""
    release(
        memory,
        "1.0.0",
        metrics=[mv.Metric("f1", 0.90), mv.Metric("f1", 0.91, slice="region=EU"), mv.Metric("latency", 20)],
        metadata={"limitations": ["not for loans"], "license": "mit", "external_facing": False},
        data=[mv.Dataset("train", uri="s3://lake/old", digest="sha256:" + "a" * 64, license="cc-by-4.0")],
        params={"lr": 0.1},
        aliases=["production"],
    )
    release(memory, "1.1.0", changelog=mv.Changelog(fixed=("A fault.",)))
    memory.yank(f"{MODEL}:1.1.0", reason="leaked a customer's name")
    release(memory, "2.0.0-exp.1", changelog="A try.")
    release(
        memory,
        "2.0.0",
        changelog=mv.Changelog(added=("Refunds.",), caveats=("Slower.",)),
        metrics=[mv.Metric("f1", 0.93), mv.Metric("f1", 0.88, slice="region=EU"), mv.Metric("latency", 15)],
        metadata={
            "limitations": ["not for loans", "not for insurance"],
            "intended_use": ["card payments"],
            "license": "apache-2.0",
            "external_facing": True,
            "owners": ["risk team"],
        },
        data=[mv.Dataset("train", uri="s3://lake/new", digest="sha256:" + "b" * 64, license="cc-by-nc-4.0")],
        params={"lr": 0.2},
    )
    memory.approve(B, role="legal", reason="licence looked at", person="lea@example.org")
    return memory


@pytest.mark.parametrize("audience", EVERYBODY)
def test_every_audience_learns_what_changed(two: mv.Registry, audience: str) -> None:
    """Changelogs of all releases between, new limitations and the external-facing flag are for all."""
    text = str(two.release_notes(A, B, audience))  # type: ignore[arg-type] # one of them
    for part in ("Refunds.", "A fault.", "not for insurance", "External-facing: **yes**", "yanked"):
        assert part in text
    assert "What 1.0.0 brings" not in text
    assert text.index("not for insurance") < text.index("not for loans")


def test_nobody_outside_engineering_reads_what_harms(two: mv.Registry) -> None:
    """Tensors, prompts, hyperparameters and experiments stay with engineering; comms gets no names and places."""
    texts = {audience: str(two.release_notes(A, B, audience)) for audience in EVERYBODY}
    inside = ("hidden_layer", "Number 2.0.0.", "A try.", "params.lr")
    assert all(word in texts["engineering"] for word in inside)
    for audience in set(EVERYBODY) - {"engineering"}:
        assert [word for word in inside if word in texts[audience]] == []
    private = (
        "s3://",
        "tester@example.org",
        "lea@example.org",
        "sha256:",
        "leaked",
        "risk team",
        "region=EU",
    )
    assert [word for word in private if word in texts["comms"]] == []
    data = two.release_notes(A, B, "comms").to_dict()
    assert [word for word in (*inside, *private) if word in str(data)] == []


def test_legal_reads_licences_data_and_approvals(two: mv.Registry) -> None:
    """What a lawyer asks for, an approval without a signature being a claim."""
    text = str(two.release_notes(A, B, audience="legal"))
    for part in (
        "apache-2.0",
        "It was mit",
        "cc-by-nc-4.0",
        "cc-by-4.0",
        "s3://lake/new",
        "claimed, not signed",
    ):
        assert part in text
    assert "lea@example.org" in text


def test_metrics_say_which_way_is_better(two: mv.Registry) -> None:
    """Also where lower is better, and by slice."""
    text = str(two.release_notes(A, B, "product"))
    assert r"| f1 | 0.9 | 0.93 | +0.03 | better |" in text
    assert r"| f1 (region=EU) | 0.91 | 0.88 | -0.03 | worse |" in text
    assert r"| latency | 20 | 15 | -5 | better |" in text
    assert "## Where it got worse" in text


def test_the_way_back_works(two: mv.Registry) -> None:
    """The call that is printed, run as it stands, makes the alias name the earlier version again."""
    before: Any = two.release_notes(A, B, "support").to_dict()["rollback"]
    assert before[0]["later"] is True
    two.set_alias(MODEL, "production", "2.0.0")
    notes = two.release_notes(A, B, "support")
    ways: Any = notes.to_dict()["rollback"]
    assert ways[0]["call"] in str(notes)
    eval(ways[0]["call"], {"registry": two})  # noqa: S307 (our own words)
    assert two.get(f"{MODEL}@production").version == "1.0.0"
    assert ways[0]["command"] == f'modelver rollback {MODEL} production --to 1.0.0 --reason "..."'


def test_an_alias_that_never_named_the_earlier_version_is_set(memory: mv.Registry) -> None:
    """A rollback would be refused there."""
    release(memory, "1.0.0")
    release(memory, "2.0.0", aliases=["production"])
    ways: Any = memory.release_notes(A, B, "support").to_dict()["rollback"]
    eval(ways[0]["call"], {"registry": memory})  # noqa: S307 (our own words)
    assert memory.get(f"{MODEL}@production").version == "1.0.0"


@pytest.mark.parametrize("audience", EVERYBODY)
def test_hostile_text_does_nothing(memory: mv.Registry, audience: str) -> None:
    """Whatever publishers, evaluators and approvers wrote is text, in Markdown and in HTML."""
    evil = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) {{ 7*7 }} | ` \u202e"
    release(memory, "1.0.0")
    memory.register(
        MODEL,
        {"m.bin": b"2", "prompts/p.txt": f"```\n{evil}\n````".encode()},
        version="2.0.0",
        changelog=mv.Changelog(summary=f"# {evil}\n{evil}", added=(evil,), caveats=(evil,)),
        metrics=[mv.Metric(evil, 0.5, dataset=evil, slice=evil)],
        metadata={
            "intended_use": [evil],
            "limitations": [evil],
            "license": evil,
            "description": evil,
            "owners": [evil],
        },
        data=[mv.Dataset(evil, digest="sha256:" + "a" * 64, license=evil, version=evil)],
        base=[mv.BaseModel(evil)],
        params={"x": evil},
        capture=False,
    )
    memory.approve(B, role="legal", reason=evil, person="eve")
    notes = memory.release_notes(A, B, audience)  # type: ignore[arg-type] # one of them
    for html in (to_html(str(notes)), notes.html(), notes._repr_html_()):
        read = Reader(html)
        assert not set(read.tags) & {"img", "a", "script"}
        assert read.tags.count("h1") == 1
        assert "alert(1)" in read.text
        assert "49" not in read.text
        assert "\u202e" not in html


def test_a_team_replaces_a_template_or_a_part(two: mv.Registry, tmp_path: Path) -> None:
    """Its own file wins, ours is taken for the rest; values in it are escaped too."""
    write_tree(
        tmp_path,
        {
            "comms.md": "# News of {{ model }}\n{% include 'parts/use.md' %}\n{{ b.version ~ '*' }}",
            "parts/use.md": "{% macro one(text) %}* {{ text }}{% endmacro %}\n{% for text in limitations.new %}\n{{ one(text) }}\n{% endfor %}",
        },
    )
    text = str(two.release_notes(A, B, "comms", templates=tmp_path))
    assert text == "# News of acme/fraud\n* not for insurance\n2.0.0\\*\n"
    assert "## What changed" in str(two.release_notes(A, B, "product", templates=tmp_path))


def test_the_project_file_names_the_templates(
    two: mv.Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`[publish] templates`, seen from the file's own folder."""
    write_tree(
        tmp_path,
        {"modelver.toml": '[publish]\ntemplates = "ours"\n', "ours/legal.md": "Only {{ b.version }}"},
    )
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    assert str(two.release_notes(A, B, "legal")) == "Only 2.0.0\n"


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("one\n{{ tensors }}", "comms.md, line 2"),
        ("one\n{% for %}", "comms.md, line 2"),
        ("{% include 'none.md' %}", "none.md"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ model.__class__.__mro__ }}", "unsafe"),
        ("{% include '../secret.md' %}", "secret.md"),
        ("{{ range(10**9) }}", "Range too big"),
    ],
)
def test_a_template_that_fails_says_where(
    two: mv.Registry, tmp_path: Path, template: str, found: str
) -> None:
    """One line with file, line and the variables that there are: no traceback, no way out of the sandbox."""
    write_tree(tmp_path, {"secret.md": "secret", "ours/comms.md": template})
    with pytest.raises(mv.InvalidValue, match="a template fails") as caught:
        two.release_notes(A, B, "comms", templates=tmp_path / "ours")
    assert found in str(caught.value)
    assert "limitations" in caught.value.hint


WRONG: list[tuple[Callable[[mv.Registry], object], type[Exception], str]] = [
    (lambda registry: registry.release_notes(B, A), mv.InvalidValue, "Swap them"),
    (lambda registry: registry.release_notes(A, A), mv.InvalidValue, "one version"),
    (lambda registry: registry.release_notes(A, "other:1.0.0"), mv.InvalidValue, "two models"),
    (lambda registry: registry.release_notes(A, f"{MODEL}:9.0.0"), mv.NotFound, "no such version"),
    (lambda registry: registry.release_notes(A, B, "press"), mv.InvalidValue, "product, legal"),  # type: ignore[arg-type]
    (lambda registry: registry.release_notes(A, B, templates="nowhere"), mv.NotFound, "templates is missing"),
]


@pytest.mark.parametrize(("call", "kind", "found"), WRONG)
def test_wrong_input_is_told_in_one_line(
    two: mv.Registry, call: Callable[[mv.Registry], object], kind: type[Exception], found: str
) -> None:
    """Swapped versions, two models, unknown audiences and missing folders."""
    with pytest.raises(kind, match=found):
        call(two)


def test_a_broken_project_file_is_named(
    two: mv.Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is no TOML, or says something that is no folder."""
    monkeypatch.chdir(tmp_path)
    for text in ("[publish", "[publish]\ntemplates = 3\n"):
        write_tree(tmp_path, {"modelver.toml": text})
        with pytest.raises(mv.InvalidValue, match=r"modelver\.toml"):
            two.release_notes(A, B)


def test_an_experiment_can_be_told_of_too(two: mv.Registry) -> None:
    """Where the later version is a pre-release, everybody reads its changelog."""
    assert "A try." in str(two.release_notes(A, f"{MODEL}:2.0.0-exp.1", "product"))


@pytest.mark.parametrize("package", ["jinja2", "markdown_it"])
def test_a_missing_package_says_what_to_install(
    two: mv.Registry, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    """Release notes need an extra; a changelog doesn't, and a notebook shows the Markdown at least."""
    notes = two.release_notes(A, B)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(mv.InvalidValue, match=r"pip install 'modelver\[publish\]'"):
        two.release_notes(A, B).html()
    assert "Refunds." in two.changelog(MODEL).html()
    assert "Refunds." in notes._repr_html_()


def test_without_policies_and_people_there_is_little_to_say(memory: mv.Registry) -> None:
    """Two bare versions have notes too, which say what is not known."""
    release(memory, "1.0.0", changelog=None)
    release(memory, "2.0.0", changelog=None)
    texts = {audience: str(memory.release_notes(A, B, audience)) for audience in EVERYBODY}
    assert all("External-facing: **not stated**" in text for text in texts.values())
    assert all("Its publisher said nothing" in text for text in texts.values())
    assert "The model's licence is **not stated**" in texts["legal"]
    assert "Nobody approved or rejected" in texts["legal"]
    assert "No approval of 2.0.0 counts" in texts["product"]
    assert "nothing serves them" in texts["support"]


def test_a_yanked_version_is_no_way_back(memory: mv.Registry) -> None:
    """The notes say so instead of a call that would be refused."""
    release(memory, "1.0.0", aliases=["production"])
    release(memory, "2.0.0")
    memory.set_alias(MODEL, "production", "2.0.0")
    memory.yank(A, reason="bad")
    assert "1.0.0 was yanked: there is no way back to it" in str(memory.release_notes(A, B, "support"))


def test_long_prompts_and_many_tensors_are_cut(memory: mv.Registry) -> None:
    """What would fill pages is counted, and what would take long is not compared line by line."""
    for number, lines in ((1, 300), (2, 600), (3, 5_000)):
        prompt = "\n".join(f"{number} {line}" for line in range(lines)).encode()
        tensors = {f"layer{index}": [float(number)] for index in range(30)}
        memory.register(
            MODEL,
            {"w.safetensors": weights(**tensors), "prompts/p.txt": prompt},
            version=f"{number}.0.0",
            changelog="x",
            capture=False,
        )
    text = str(memory.release_notes(A, B, "engineering"))
    assert "and 701 more lines" in text
    assert "… and 10 more." in text
    assert "too long to be compared" in str(memory.release_notes(B, f"{MODEL}:3.0.0", "engineering"))


def test_prompts_that_come_and_go_are_told(memory: mv.Registry) -> None:
    """With the variables that whoever fills them in has to give from now on."""
    memory.register(MODEL, {"prompts/old.txt": b"{a}"}, version="1.0.0", changelog="x", capture=False)
    memory.register(MODEL, {"prompts/new.txt": b"{b}"}, version="2.0.0", changelog="x", capture=False)
    text = str(memory.release_notes(A, B, "engineering"))
    assert "### Prompt new: added\n\nNew variables: b." in text
    assert "### Prompt old: removed\n\nVariables that are gone: a." in text
    assert "+{b}" in text
    assert "-{a}" in text
