"""Policies from tables and back."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping

import attrs

from modelver.errors import InvalidName, InvalidValue
from modelver.expressions import parse
from modelver.gates.policy import FORBIDDEN, Key, Policy, Requirement
from modelver.gates.reading import Reader, write_age
from modelver.gates.signing import check_public_key
from modelver.values.canonical import Json
from modelver.values.name import Alias, check_segment
from modelver.values.record import Metadata

TABLES = ("require", "checklists", "keys", "revoked")
"""The tables of a policy, which a project file has beside its others."""

_OPEN_FIELDS = {"custom", "tags", "params"}
_FIELDS = tuple(field.name for field in attrs.fields(Metadata) if field.name != "unknown")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_MAX_KEY = 4096
_OF_ALIASES = ("after", "min_age", "override")
_OF_BOTH = ("fields", "rules", "forbid")
_OF_APPROVALS = ("approvals", "checklists", "signature", "separate")


def read_policy(data: Mapping[str, object], *, what: str = "policy") -> Policy:
    """Read a policy as ``modelver.toml`` writes it: the tables ``require``, ``checklists``, ``keys`` and ``revoked``.

    Args:
        data: The tables.
        what: Where they are from, for errors.

    Raises:
        InvalidValue: An unknown key (similar ones are suggested), a wrong type or a bad expression; the message has the
            path of the fault, such as ``require.alias.production.rules[1]``.
    """
    top = Reader(data, what)
    top.known(TABLES)
    require = top.table("require")
    require.known(("register", "alias"))
    lists = top.table("checklists")
    checklists = {name: lists.texts(name) for name, _ in lists.items()}
    return Policy(
        register=_register(require.table("register")),
        aliases=_aliases(require, checklists),
        checklists=checklists,
        keys=tuple(_key(table, person) for person, table in top.tables("keys").items()),
        revoked=_revoked(top),
    )


def _aliases(require: Reader, checklists: dict[str, tuple[str, ...]]) -> dict[Alias, Requirement]:
    found: dict[Alias, Requirement] = {}
    for name, table in require.tables("alias").items():
        alias = _alias(name, table)
        if alias in found:
            raise InvalidValue(
                "an alias is there twice", where=table.path, hint="Case doesn't tell aliases apart."
            )
        found[alias] = _requirement(table, checklists)
    return found


def _alias(name: str, table: Reader) -> Alias:
    try:
        return Alias(name)
    except InvalidName as error:
        raise InvalidName(error.what, where=table.path, expected=error.expected, found=error.found) from None


def _register(table: Reader) -> Requirement:
    table.known(_OF_BOTH)
    return Requirement(fields=_fields(table), rules=_rules(table), forbid=table.chosen("forbid", FORBIDDEN))


def _requirement(table: Reader, checklists: dict[str, tuple[str, ...]]) -> Requirement:
    table.known((*_OF_BOTH, *_OF_APPROVALS, *_OF_ALIASES))
    return Requirement(
        fields=_fields(table),
        rules=_rules(table),
        forbid=table.chosen("forbid", FORBIDDEN),
        approvals=_roles(table, "approvals"),
        checklists=table.chosen("checklists", (*checklists, "ethics")),
        signature=table.flag("signature", default=False),
        separate=table.flag("separate", default=False),
        after=_alias(table.text("after"), Reader({}, table.at("after"))) if table.has("after") else None,
        min_age=table.age("min_age"),
        override=table.flag("override", default=True),
    )


def _fields(table: Reader) -> tuple[str, ...]:
    found = table.texts("fields")
    for index, text in enumerate(found):
        first, _, rest = text.partition(".")
        name, _, inner = rest.partition(".")
        fits = text == "changelog" or (
            first == "metadata" and name in _FIELDS and (not inner or name in _OPEN_FIELDS)
        )
        if not fits:
            known = ("changelog", *(f"metadata.{field}" for field in _FIELDS))
            Reader({"fields": [text]}, table.path).chosen("fields", known)
            raise table.fault(f"fields[{index}]", "a field of a version", repr(text))
    return found


def _rules(table: Reader) -> tuple[str, ...]:
    found = table.texts("rules")
    for index, text in enumerate(found):
        parse(text, what=table.at(f"rules[{index}]"))
    return found


def _roles(table: Reader, key: str) -> tuple[str, ...]:
    return tuple(check_role(role, table.at(f"{key}[{index}]")) for index, role in enumerate(table.texts(key)))


def check_role(role: str, where: str) -> str:
    """Return a role as it is kept, in lower case, as aliases are.

    Raises:
        InvalidName: It does.
    """
    try:
        check_segment(role, what="role", whole=role)
    except InvalidName as error:
        raise InvalidName(error.what, where=where, expected=error.expected, found=error.found) from None
    return role.lower()


def _key(table: Reader, person: str) -> Key:
    table.known(("roles", "public_key"))
    roles = _roles(table, "roles")
    if not roles:
        raise table.fault("roles", "at least one role", "none")
    text = table.text("public_key")
    lines = [line for line in text.strip().splitlines() if not line.startswith("-----")]
    try:
        der = base64.b64decode("".join(lines), validate=True)
    except (binascii.Error, ValueError):
        der = b""
    if not der or len(der) > _MAX_KEY:
        raise table.fault("public_key", "a public key in PEM, or its base64", repr(text))
    spki = base64.b64encode(der).decode()
    try:
        check_public_key(spki)
    except InvalidValue as error:
        raise InvalidValue(
            error.what, where=table.at("public_key"), expected=error.expected, hint=error.hint
        ) from None
    return Key(person, roles, spki)


def _revoked(top: Reader) -> tuple[str, ...]:
    found = top.texts("revoked")
    for index, each in enumerate(found):
        if not _FINGERPRINT.fullmatch(each):
            raise top.fault(f"revoked[{index}]", "a key's fingerprint: 64 hexadecimal digits", repr(each))
    return found


def policy_json(policy: Policy) -> dict[str, Json]:
    """Return a policy as tables; see `read_policy`; what asks for nothing is left out.

    Raises:
        InvalidValue: Somebody has two keys, of which tables would keep the last one alone.
    """
    people = [key.person for key in policy.keys]
    if twice := next((person for person in people if people.count(person) > 1), None):
        raise InvalidValue(
            "somebody has two keys",
            where=f"policy.keys.{twice}",
            expected="one key for each person",
            hint="Give one key all of the roles.",
        )
    require: dict[str, Json] = {}
    if register := _requirement_json(policy.register):
        require["register"] = register
    if policy.aliases:
        require["alias"] = {str(alias): _requirement_json(each) for alias, each in policy.aliases.items()}
    found: dict[str, Json] = {"require": require} if require else {}
    if policy.checklists:
        found["checklists"] = {name: list(points) for name, points in policy.checklists.items()}
    if policy.keys:
        found["keys"] = {
            key.person: {"roles": list(key.roles), "public_key": key.spki} for key in policy.keys
        }
    if policy.revoked:
        found["revoked"] = list(policy.revoked)
    return found


def _requirement_json(requirement: Requirement) -> dict[str, Json]:
    default = Requirement()
    write: dict[str, Callable[[Requirement], Json]] = {
        "min_age": lambda each: write_age(each.min_age) if each.min_age is not None else None,
        "after": lambda each: str(each.after),
    }
    found: dict[str, Json] = {}
    for field in attrs.fields(Requirement):
        value: object = getattr(requirement, field.name)
        if value == getattr(default, field.name):
            continue
        if field.name in write:
            found[field.name] = write[field.name](requirement)
        else:
            found[field.name] = list(value) if isinstance(value, tuple) else bool(value)
    return found
