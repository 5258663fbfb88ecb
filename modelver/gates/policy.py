"""A policy: what registering a version and moving each alias require."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

import attrs

from modelver.values.name import Alias

Forbidden = Literal["pickle", "prerelease", "yanked_base"]
FORBIDDEN: tuple[Forbidden, ...] = ("pickle", "prerelease", "yanked_base")

ETHICS_CHECKLIST = (
    "The people who are affected are named, and what the model can cost them.",
    "Metrics were measured by slice for the groups that matter, and the worst slice is acceptable.",
    "Training data was looked through for bias, consent and licence.",
    "Limitations and misuse are written down where users read them.",
    "Somebody can contest a decision, and a person can overrule it.",
    "How the model is watched in production, and when it is rolled back, is agreed.",
)
"""The checklist ``ethics``, which policies may name without writing it out."""


@attrs.frozen
class Requirement:
    """What one step requires; everything that is left out asks for nothing.

    Attributes:
        fields: What must be stated: ``changelog``, ``metadata.intended_use``, ``metadata.tags.team`` and so on.
        approvals: Roles that must have approved, and none of them rejected since.
        checklists: Names of checklists, all of whose points somebody's approval must have gone through.
        rules: Expressions that must be true.
        forbid: ``pickle`` (formats that can run code), ``prerelease``, ``yanked_base``.
        after: The alias where the same version must be, or have been, before.
        min_age: For how long it must have been known: in all its time in `after`, or else since it was registered.
        signature: Whether approvals count only where they are signed with a key that the policy trusts.
        separate: Whether who registered a version, or what it finalizes, may not approve it.
        override: Whether somebody may pass over a failed check, with a reason, flagged for ever.
    """

    fields: tuple[str, ...] = ()
    approvals: tuple[str, ...] = ()
    checklists: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    after: Alias | None = None
    min_age: timedelta | None = None
    signature: bool = False
    separate: bool = False
    override: bool = True

    @property
    def asks_people(self) -> bool:
        """Whether somebody's approval is required."""
        return bool(self.approvals or self.checklists or self.signature)


@attrs.frozen
class Key:
    """A public key that a policy trusts.

    Attributes:
        person: Whose it is.
        roles: What its holder may sign as.
        spki: The SubjectPublicKeyInfo in DER, in base64.
    """

    person: str
    roles: tuple[str, ...]
    spki: str

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the DER, as 64 hex digits: what signatures name."""
        return fingerprint(base64.b64decode(self.spki))


def fingerprint(der: bytes) -> str:
    """Return a public key's fingerprint: the SHA-256 of its SubjectPublicKeyInfo in DER, in hexadecimal."""
    return hashlib.sha256(der).hexdigest()


@attrs.frozen
class Policy:
    """What must hold before a version is registered, and before each alias moves.

    Attributes:
        register: What registering requires.
        aliases: What each alias requires.
        checklists: Name to points.
        keys: The keys that are trusted. Once a role has one, only signed approvals count for it.
        revoked: Fingerprints of keys (SHA-256, 64 hex digits) whose signatures no longer count.
    """

    register: Requirement = Requirement()
    aliases: Mapping[Alias, Requirement] = attrs.field(factory=dict)
    checklists: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    keys: tuple[Key, ...] = ()
    revoked: tuple[str, ...] = ()

    def points(self, checklist: str) -> tuple[str, ...]:
        """Return a checklist's points."""
        return self.checklists.get(checklist, ETHICS_CHECKLIST if checklist == "ethics" else ())

    def trusts(self, role: str) -> bool:
        """Tell whether the policy has keys for a role, so that claims don't count for it."""
        return any(role in key.roles for key in self.keys)
