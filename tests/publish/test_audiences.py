"""What each audience gets of the data, whatever the data is."""

import json
import re
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from modelver.publish.audiences import AUDIENCES, data_for

WORD = st.text(st.characters(categories=["L"]), min_size=1, max_size=8)
ALL_KEYS = sorted(set().union(*AUDIENCES.values()))


def version(secret: str, number: str) -> dict[str, Any]:
    """Return a version's data with a secret wherever a person or a digest is named."""
    return {
        "ref": f"m:{number}",
        "version": number,
        "digest": secret,
        "registered_at": "2026-11-17",
        "registered_by": secret,
        "yanked": secret,
        "aliases": [secret],
    }


def change(secret: str, number: str, *, prerelease: bool) -> dict[str, Any]:
    """Return a changelog's data, with a secret as its author and as the reason of a yank."""
    return {
        "version": number,
        "at": "2026-11-17",
        "by": secret,
        "prerelease": prerelease,
        "yanked": secret,
        "summary": "x",
    }


@given(secret=WORD.map(lambda word: f"SECRET-{word}"), inside=WORD.map(lambda word: f"INSIDE-{word}"))
def test_comms_reads_no_names_and_nobody_but_engineering_what_is_inside(secret: str, inside: str) -> None:
    """Nothing that an audience must not see is in its data, so no template can show it."""
    data: dict[str, Any] = dict.fromkeys(ALL_KEYS, "")
    data |= {
        "a": version(secret, "1.0.0"),
        "b": version(secret, "2.0.0"),
        "changes": [
            change(secret, "2.0.0", prerelease=False),
            change(inside, "2.0.0-exp.1", prerelease=True),
        ],
        "tensors": inside,
        "prompts": inside,
        "params": inside,
        "components": inside,
        "files": inside,
        "owners": secret,
        "approvals": secret,
        "data": secret,
        "metrics": secret,
        "worse": secret,
    }
    seen = {audience: json.dumps(data_for(audience, data)) for audience in AUDIENCES}
    assert "SECRET" not in seen["comms"]
    assert [audience for audience, text in seen.items() if "INSIDE" in text] == ["engineering"]
    assert all("2.0.0" in text for text in seen.values())
    assert json.loads(seen["comms"])["b"]["yanked"] == ""


def test_engineering_gets_all_there_is() -> None:
    """Each key is for somebody, and engineering has each of them."""
    assert AUDIENCES["engineering"] == set(ALL_KEYS)


def test_each_variable_of_a_template_is_documented() -> None:
    """A team that writes its own templates finds them all in the page's last table."""
    page = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "release-notes.md"
    table = page.read_text(encoding="utf-8").partition("## What a template gets")[2]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`(\w+)`", "".join(rows))) == ALL_KEYS
