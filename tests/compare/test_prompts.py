"""Variables of prompts in two versions."""

import attrs

from modelver.compare import Side, compare
from modelver.compare.prompts import PromptRow
from tests.compare.support import side


def prompts(a: Side, b: Side) -> tuple[PromptRow, ...]:
    """Compare the prompts of two versions."""
    return compare(a, b).prompts


def test_variables_that_come_and_go_are_named() -> None:
    """A prompt has a row where its variables differ; other words are no matter."""
    a = side({"prompts/system.txt": b"Hi {user} of {city}", "prompts/other.txt": b"Say {what}"})
    b = side({"prompts/system.txt": b"Hello {user}, {age}", "prompts/other.txt": b"Repeat {what}"})
    (row,) = prompts(a, b)
    assert row == PromptRow("system", ("city", "user"), ("age", "user"))
    assert (row.added, row.removed) == (("age",), ("city",))


def test_prompts_are_paired_by_name() -> None:
    """A prompt is what it is called, wherever it is and whatever it ends with."""
    assert prompts(side({"prompts/system.txt": b"{a}"}), side({"system.prompt.md": b"{a}!"})) == ()


def test_a_prompt_of_one_version_has_no_variables_in_the_other() -> None:
    """None says that there is no such prompt; a prompt without variables that comes or goes is no matter."""
    a, b = side({"prompts/a.txt": b"{x}", "prompts/b.txt": b"-"}), side({"prompts/c.txt": b"{y}"})
    assert prompts(a, b) == (PromptRow("a", ("x",), None), PromptRow("c", None, ("y",)))


def test_a_prompt_without_its_text_tells_nothing() -> None:
    """Nothing is claimed of variables that were not read."""
    a, b = side({"prompts/a.txt": b"{x}"}), side({"prompts/a.txt": b"{y}"})
    assert prompts(attrs.evolve(a, prompts={}), b) == ()
    assert prompts(a, attrs.evolve(b, prompts={})) == ()
