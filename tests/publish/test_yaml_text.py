"""Our YAML is read as what was written, by readers of YAML 1.1 and of 1.2."""

import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from modelver.publish.markdown import visible
from modelver.publish.yaml_text import to_yaml
from modelver.values.canonical import Json
from tests.publish.cards import NASTY

TEXTS = st.one_of(
    NASTY, st.sampled_from(("no", "On", "null", "1e5", "1_000", "0o17", "12:30:45", "=", "<<", "-", ""))
)
SHOWN = TEXTS.map(visible)
KEYS = SHOWN.map(lambda text: text[:200])  # the implicit keys of YAML have 1,024 characters at most
SCALARS = st.one_of(
    SHOWN,
    st.booleans(),
    st.none(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
)
DATA = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(KEYS, DATA, max_size=5))
def test_what_is_written_is_what_is_read(data: dict[str, Json]) -> None:
    """Texts stay texts, whatever they look like; numbers stay numbers."""
    text = to_yaml(data)
    assert (yaml.safe_load(text) or {}) == data
    assert (YAML(typ="safe", pure=True).load(text) or {}) == data


def test_words_stand_without_quotes() -> None:
    """What people write plainly looks as they write it."""
    assert to_yaml({"license": "apache-2.0", "tags": ["fraud", "team:risk"]}) == (
        'license: apache-2.0\ntags:\n  - fraud\n  - "team:risk"\n'
    )
