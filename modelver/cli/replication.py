"""What the verbs between registries share: how they answer."""

from typing import TYPE_CHECKING

from modelver.cli.options import Call
from modelver.cli.terminal import say, write, write_json

if TYPE_CHECKING:
    from modelver.registry.replication.replicated import Replicated


def answer(call: Call, done: "Replicated") -> None:
    """Answer: the versions that are new there are all that stdout gets, one a line."""
    say(done)
    if call.as_json:
        write_json(done.to_dict())
    else:
        for ref in done.versions:
            write(ref)
