"""Facts about what may happen: policies, and people's judgements of versions."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

import attrs

from modelver.values.canonical import Json
from modelver.values.digest import Digest


@attrs.frozen
class PolicySet:
    """What must hold from now on; in the registry's own log, for all models.

    A release that does not know policies must not write: it would pass over them.

    Attributes:
        policy: See docs/format.md, "Policies"; an empty one asks for nothing.
    """

    TYPE: ClassVar = "policy_set"
    MUST_UNDERSTAND: ClassVar = "write"
    policy: Mapping[str, Json] = attrs.field(factory=dict)
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False)


@attrs.frozen
class Signature:
    """A signature over a judgement (docs/format.md, "Approvals").

    Attributes:
        key: The SHA-256 of the public key, as its SubjectPublicKeyInfo in DER (RFC 5280, section 4.1.2.7): 64 hex digits.
        value: The signature, in base64.
    """

    key: str
    value: str
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False)


@attrs.frozen
class Judgement:
    """What a person says of a version, in a role.

    Attributes:
        version: The version.
        digest: Its manifest's digest, to which the judgement is tied.
        role: Such as ``legal``.
        person: Who says it.
        reason: Why.
        alias: The promotion that it is for; empty where it is for the version as such.
        generation: The alias's generation then: once the alias has moved, the judgement no longer counts. 0 where the
            alias did not exist.
        checklist: The points that were gone through and found well.
        expires: Until when it counts; None for ever.
        signature: Without one it is a claim.
    """

    TYPE: ClassVar = ""
    version: str
    digest: Digest
    role: str
    person: str
    reason: str = ""
    alias: str = ""
    generation: int = 0
    checklist: tuple[str, ...] = ()
    expires: datetime | None = None
    signature: Signature | None = None
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False)


@attrs.frozen
class Approved(Judgement):
    """A person approves of a version; see `Judgement`."""

    TYPE: ClassVar = "approved"


@attrs.frozen
class Rejected(Judgement):
    """A person rejects a version, and with it what the same role approved before, for its alias or for all."""

    TYPE: ClassVar = "rejected"
