"""The policies that pages show are policies."""

import re
import tomllib
from pathlib import Path

from modelver.gates.parse import read_policy

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "gates.md"


def test_the_policies_of_the_page_can_be_set() -> None:
    """Every block of TOML is read strictly."""
    blocks = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 2
    assert all(read_policy(tomllib.loads(block)) for block in blocks)
