"""References: every form that people write them in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.errors import InvalidName
from modelver.values.name import ModelName
from modelver.values.ref import Ref
from modelver.values.scheme import MAX_VERSION
from tests.strategies import ALPHANUMERIC, HEX, aliases, model_names, schemes, semver_texts, versions_of

NAMES = ["fraud", "acme/fraud", "Llama-3.1-8B_Instruct", "models"]
DIGITS = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("form", "selector"),
    [
        ("{}:1.3.0", "1.3.0"),
        ("{}:v1.3.0", "v1.3.0"),
        ("{}@1.3.0", "1.3.0"),
        ("{}@production", "production"),
        ("{}:production", "production"),
        ("{}@latest", "latest"),
        ("{}:1.4.0-exp.7+build.1", "1.4.0-exp.7+build.1"),
        ("{}:gpt4-cx-v1.3", "gpt4-cx-v1.3"),
        ("models:/{}/1.3.0", "1.3.0"),
        ("models:/{}/production", "production"),
        ("models:/{}@production", "production"),
        ("models:/{}@1.3.0", "1.3.0"),
    ],
)
def test_every_form_names_a_version_or_an_alias(name: str, form: str, selector: str) -> None:
    """The text after the separator stays a selector until the model's scheme is known."""
    assert Ref.parse(form.format(name)) == Ref(ModelName(name), selector)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", ["{}@sha256:{}", "{}:sha256:{}", "models:/{}@sha256:{}"])
@pytest.mark.parametrize("digits", [DIGITS, DIGITS[:12], DIGITS[:12].upper()])
def test_a_digest_names_a_version(name: str, form: str, digits: str) -> None:
    """Twelve digits are enough."""
    assert Ref.parse(form.format(name, digits)) == Ref(ModelName(name), digest=digits.lower())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fraud",
        "acme/fraud",
        "fraud:",
        "fraud@",
        ":1.0.0",
        "@production",
        "a/b/c:1.0.0",
        "fraud: 1.0.0",
        "fraud:1.0.0\n",
        "fraud:-1",
        "fraud:a/b",
        "fraud@a@b",
        "fraud:1.0.0@production",
        "fraud@sha256:" + DIGITS[:11],
        "fraud@sha256:" + DIGITS + "0",
        "fraud@sha256:xyzxyzxyzxyz",
        "fraud@sha256:",
        "models:/fraud",
        "models:/fraud/",
        "models:/",
        "models:/fraud:1.0.0",
        "models://fraud/1.0.0",
        "../fraud:1.0.0",
        "fraud:../x",
        "con:1.0.0",
        "fraud:" + "a" * (MAX_VERSION + 1),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """A name alone, an empty or doubled selector, too few digits, and paths are no references."""
    with pytest.raises(InvalidName):
        Ref.parse(text)


@given(st.data(), model_names)
def test_a_reference_survives_its_text(data: st.DataObject, name: ModelName) -> None:
    """Ref.parse(str(ref)) == ref, whatever it names and however it was written."""
    scheme = data.draw(schemes)
    selector = data.draw(
        st.just("latest")
        | aliases
        | semver_texts
        | versions_of(scheme)
        | st.text(HEX, min_size=12, max_size=64)
    )
    digest = data.draw(st.booleans()) and set(selector) <= set(HEX) and 12 <= len(selector) <= 64
    forms = (
        ["{}@sha256:{}", "models:/{}@sha256:{}"]
        if digest
        else ["{}:{}", "{}@{}", "models:/{}/{}", "models:/{}@{}"]
    )
    ref = Ref.parse(data.draw(st.sampled_from(forms)).format(name, selector))
    assert ref.model == name
    assert (ref.digest or ref.selector) == selector
    assert Ref.parse(str(ref)) == ref


@given(st.text(ALPHANUMERIC + ":@/.-+ ", max_size=30))
def test_any_text_is_a_reference_or_our_own_error(text: str) -> None:
    """The parser raises nothing but InvalidName, and what it takes has a name and a selector or digest."""
    try:
        ref = Ref.parse(text)
    except InvalidName:
        return
    assert bool(ref.selector) != bool(ref.digest)
    assert Ref.parse(str(ref)) == ref
