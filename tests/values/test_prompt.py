"""Variables of prompts, in the notations that people use."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.values.prompt import prompt_variables

NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: name not in {"else", "false", "loop", "none", "this", "true"}
)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Hello {name}.", ("name",)),
        (
            "{user.name} {rows[0]} {total:>8.2f} {when!r} {share:.1%}",
            ("rows", "share", "total", "user", "when"),
        ),
        ("Hello {{name}}, {{ name }}, {{- name -}}", ("name",)),
        ("{{ customer.name|title }} {{ items[0] }} {{ a if b }}", ("a", "customer", "items")),
        ("{{{raw}}} {{&raw}} {{#rows}}x{{/rows}} {{^empty}}y{{/empty}}", ("empty", "raw", "rows")),
        ("${city} costs $5 and $country", ("city",)),
        ("{b} {a} {b}", ("a", "b")),
        ('Say {{"answer": {value}}} and {{"name": "{{name}}"}}', ("name", "value")),
        ("{Größe} {名前}", ("Größe", "名前")),
    ],
)
def test_a_variable_is_found_in_each_notation(text: str, names: tuple[str, ...]) -> None:
    """str.format, string.Template, Jinja and Mustache name their variables, each once and sorted."""
    assert prompt_variables(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no braces",
        '{"a": 1, "b": {"c": [2]}}',
        "{'a': 1}",
        "{ return x; }",
        "{a: 1}",
        "{{a: 1}}",
        "{}",
        "{0} {1:>3}",
        r"\d{3}",
        "{{> partial}} {{! comment}} {{else}} {{ loop.index }} {{ true }}",
        "{% if user %}{% endif %}",
        "{{ now() }}",
        "{unclosed",
    ],
)
def test_other_braces_are_plain_text(text: str) -> None:
    """JSON, code, quantifiers, statements, calls and broken braces hold no variables."""
    assert prompt_variables(text) == ()


@given(st.dictionaries(NAMES, st.sampled_from(["{%s}", "{{%s}}", "{{ %s }}", "${%s}", "{%s:>4}"])))
def test_every_variable_that_is_written_is_found(written: dict[str, str]) -> None:
    """Whatever the notation, the variables of a text are those that were put there."""
    text = " and ".join(notation % name for name, notation in written.items())
    assert prompt_variables(text) == tuple(sorted(written))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(),
        lambda inner: st.dictionaries(NAMES, inner, max_size=4),
        max_leaves=10,
    )
)
def test_json_has_no_variables(data: object) -> None:
    """JSON is text, whatever its keys are and however it is spaced."""
    assert prompt_variables(json.dumps(data)) == ()
    assert prompt_variables(json.dumps(data, separators=(",", ":"), indent=1)) == ()


@given(st.text("{}$a_ .:|#!-", max_size=200))
def test_any_text_is_read(text: str) -> None:
    """No text breaks the search, and what it finds are names in the text."""
    assert all(name in text and name.isidentifier() for name in prompt_variables(text))
