"""Variables of prompts in two versions."""

from collections.abc import Mapping

import attrs

from modelver.compare.side import Side
from modelver.values.canonical import Json
from modelver.values.file import Role, prompt_name
from modelver.values.prompt import prompt_variables


@attrs.frozen
class PromptRow:
    """A prompt whose variables differ between two versions.

    Attributes:
        prompt: Its name, as `modelver.values.file.prompt_name` gives it.
        a: Its variables in the first version, sorted; None where that has no such prompt.
        b: Its variables in the second version, sorted; None where that has no such prompt.
    """

    prompt: str
    a: tuple[str, ...] | None
    b: tuple[str, ...] | None

    @property
    def added(self) -> tuple[str, ...]:
        """The variables that the second version has alone."""
        return tuple(sorted(set(self.b or ()) - set(self.a or ())))

    @property
    def removed(self) -> tuple[str, ...]:
        """The variables that the first version has alone."""
        return tuple(sorted(set(self.a or ()) - set(self.b or ())))

    def to_dict(self) -> dict[str, Json]:
        """Return the row as plain JSON data."""
        a, b = (None if names is None else list(names) for names in (self.a, self.b))
        return {"prompt": self.prompt, "a": a, "b": b}


def compare_prompts(a: Side, b: Side) -> tuple[PromptRow, ...]:
    """Compare variables by prompt, sorted. A prompt whose text was not handed in on a side tells nothing."""
    first, second = _paths(a), _paths(b)
    rows = []
    for prompt in sorted(first.keys() | second.keys()):
        one, other = first.get(prompt, []), second.get(prompt, [])
        if all(path in a.prompts for path in one) and all(path in b.prompts for path in other):
            rows.append(PromptRow(prompt, _variables(a, one), _variables(b, other)))
    return tuple(row for row in rows if row.added or row.removed)


def _paths(side: Side) -> Mapping[str, list[str]]:
    """Return the files of each prompt: ``system.txt`` and ``system.md`` are one prompt."""
    found: dict[str, list[str]] = {}
    for entry in side.manifest.files:
        if entry.role is Role.PROMPT:
            found.setdefault(prompt_name(entry.path), []).append(entry.path)
    return found


def _variables(side: Side, paths: list[str]) -> tuple[str, ...] | None:
    if not paths:
        return None
    return tuple(sorted({name for path in paths for name in prompt_variables(side.prompts[path])}))
