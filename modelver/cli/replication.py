"""What the verbs between registries share: how the other one is reached, and how they answer."""

from typing import TYPE_CHECKING

from modelver.cli.options import Call
from modelver.cli.storage_options import Options
from modelver.cli.terminal import say, write, write_json

if TYPE_CHECKING:
    from modelver.registry.replicated import Replicated


def other_options(call: Call, place: str) -> "Options | None":
    """Return how to reach the other registry; None for a local one, which takes no options."""
    from modelver.registry.opening import scheme_of_url

    return None if scheme_of_url(place) in {"", "file", "memory"} else call.storage_options(place)


def answer(call: Call, done: "Replicated") -> None:
    """Answer: the versions that are new there are all that stdout gets, one a line."""
    say(done)
    if call.as_json:
        write_json(done.to_dict())
    else:
        for ref in done.versions:
            write(ref)
