"""Requirements from a recorded environment, which may have been written by anybody."""

import re

from hypothesis import given
from hypothesis import strategies as st

from modelver.project.requirements import requirements
from modelver.values.provenance import Environment

LINE = re.compile(r"#[^\n]*|[A-Za-z0-9._-]+==[0-9A-Za-z.!_+-]+")


def test_each_package_is_pinned() -> None:
    """Local versions and epochs too; what is no name and version is left out, and counted."""
    environment = Environment(
        "3.11.7",
        "CPython",
        "Linux",
        "x86_64",
        {"torch": "2.4.0+cu121", "b": "1!2.0", "-r evil": "1", "c": "1 ; x", "d": "1\n--index-url x"},
    )
    assert requirements(environment, "acme/bot:1.0.0").splitlines() == [
        "# acme/bot:1.0.0: CPython 3.11.7",
        "b==1!2.0",
        "torch==2.4.0+cu121",
        "# left out, since they are no names and versions: 3",
    ]


@given(st.dictionaries(st.text(), st.text()), st.text())
def test_no_recorded_text_becomes_an_option(packages: dict[str, str], text: str) -> None:
    """Whatever was recorded, each line is a comment or a pin."""
    found = requirements(Environment(text, text, text, text, packages), text)
    assert all(LINE.fullmatch(line) for line in found.split("\n")[:-1])
