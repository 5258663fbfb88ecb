"""The page on installing tells of every extra."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_lists_every_extra_with_what_it_brings() -> None:
    """None is missing, none is invented; a row that has several extras brings one library for each."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    there = {
        extra: {Requirement(each).name.lower() for each in requirements}
        for extra, requirements in project["optional-dependencies"].items()
        if extra != "all"
    }
    told: dict[str, set[str]] = {}
    rows = re.findall(
        r"^\| (`.*) \| (.*) \| .* \|$", (ROOT / "docs/install.md").read_text("utf-8"), re.MULTILINE
    )
    for named, brings in rows:
        extras, libraries = re.findall(r"`(\w+)`", named), set(brings.lower().split(", "))
        for extra in extras:
            told[extra] = libraries if len(extras) == 1 else there.get(extra, set()) & libraries
    assert told.pop("all") == {"all of these"}
    assert told == {**there, "s3": {"s3fs"}}  # google-crc32c comes along, and is no reason to want it
