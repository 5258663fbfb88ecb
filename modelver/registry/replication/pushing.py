"""A version or a model from one registry to another: as it is between copies, adopted between others."""

from modelver.registry.base.finding import find, parse_ref
from modelver.registry.replication.adopting import adopt
from modelver.registry.replication.ends import End, is_same_registry
from modelver.registry.replication.replicated import Tally
from modelver.registry.replication.replicating import copy_logs
from modelver.values.model_version import ModelVersion
from modelver.values.name import ModelName
from modelver.values.ref import Ref


def subject(ref: str | ModelVersion) -> Ref:
    """Return what is meant: a version, or a model, which is a reference without a selector.

    Raises:
        InvalidName: The text is neither.
    """
    if isinstance(ref, str) and not isinstance(ref, ModelVersion) and not {":", "@"} & set(ref):
        return Ref(ModelName(ref))
    return parse_ref(ref)


def push(source: End, target: End, what: Ref, tally: Tally) -> None:
    """Bring a version or a model into another registry; see `Registry.push`.

    Raises:
        NotFound: There is no such version.
    """
    state = source.state(what.model)
    if what.selector or what.digest:
        find(state, what)
    if is_same_registry(source, target):
        copy_logs(source, target, [what.model], tally)
    else:
        adopt(source, target, what, tally)
