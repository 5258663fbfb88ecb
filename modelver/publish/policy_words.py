"""What a policy requires, in words."""

from collections.abc import Iterator

from modelver.gates import Policy, Requirement
from modelver.gates.reading import write_age
from modelver.values.name import Alias


def policy_words(policy: Policy, alias: str) -> tuple[str, ...]:
    """Return what a policy requires of an alias's moves, a sentence each; nothing where it requires nothing."""
    required = policy.aliases.get(Alias(alias))
    return tuple(_words(required)) if required else ()


def _words(required: Requirement) -> Iterator[str]:
    lists = (
        ("approvals by", required.approvals),
        ("checklists gone through", required.checklists),
        ("fields stated", required.fields),
        ("forbidden", required.forbid),
    )
    for label, texts in lists:
        if texts:
            yield f"{label}: {', '.join(texts)}"
    for rule in required.rules:
        yield f"rule: {rule}"
    if required.after:
        yield f"the same version in {required.after} first"
    if required.min_age is not None:
        yield f"known for {write_age(required.min_age)} at least" + (
            f" in {required.after}" if required.after else ""
        )
    if required.signature:
        yield "approvals count only where they are signed"
    if required.separate:
        yield "nobody approves what they registered"
    yield (
        "failed checks may be passed over with a reason"
        if required.override
        else "nobody may pass over failed checks"
    )
