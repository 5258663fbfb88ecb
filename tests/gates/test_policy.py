"""Policies are read strictly, and every fault has its path."""

from typing import Any

import pytest

import modelver as mv
from modelver.gates.parse import policy_json, read_policy
from modelver.gates.policy import Key, Policy

KEY = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="
WHOLE: dict[str, Any] = {
    "require": {
        "register": {
            "fields": ["changelog", "metadata.intended_use", "metadata.tags.team"],
            "forbid": ["pickle"],
        },
        "alias": {
            "production": {
                "after": "staging",
                "min_age": "36h",
                "approvals": ["legal", "compliance"],
                "checklists": ["ethics", "launch"],
                "rules": ["metrics.f1 >= 0.9"],
                "forbid": ["pickle", "prerelease", "yanked_base"],
                "signature": True,
                "separate": True,
                "override": False,
            }
        },
    },
    "checklists": {"launch": ["Support was told."]},
    "keys": {"ana@acme.io": {"roles": ["legal"], "public_key": KEY}},
    "revoked": ["0" * 64],
}


def test_a_whole_policy_is_read_and_written_back() -> None:
    """What is written is what was read, and reading it again gives the same."""
    policy = read_policy(WHOLE)
    assert policy_json(policy) == WHOLE
    assert read_policy(policy_json(policy)) == policy


def test_a_key_is_taken_from_its_pem() -> None:
    """With its lines, as a file has them."""
    pem = f"-----BEGIN PUBLIC KEY-----\n{KEY}\n-----END PUBLIC KEY-----\n"
    keys = {"ana": {"roles": ["legal"], "public_key": pem}}
    assert read_policy({"keys": keys}).keys[0].spki == KEY


def production(**fields: Any) -> dict[str, Any]:
    """Return a policy that asks something of production."""
    return {"require": {"alias": {"production": fields}}}


BAD: list[tuple[Any, str, str]] = [
    ({"requires": {}}, "policy.requires", "require?"),
    ({"require": []}, "policy.require", ""),
    ({"require": {"registre": {}}}, "policy.require.registre", "register?"),
    ({"require": {"register": {"approvals": ["legal"]}}}, "policy.require.register.approvals", ""),
    ({"require": {"register": {"fields": ["metadata.licence"]}}}, "fields[0]", "metadata.license?"),
    ({"require": {"register": {"fields": ["metadata.license.x"]}}}, "fields[0]", ""),
    ({"require": {"register": {"fields": ["changelog", "changelog"]}}}, "fields[1]", ""),
    ({"require": {"register": {"fields": 3}}}, "fields", ""),
    ({"require": {"alias": {"1 2": {}}}}, "policy.require.alias.1 2", ""),
    ({"require": {"alias": {"latest": {}}}}, "policy.require.alias.latest", ""),
    (production(aproval=["legal"]), "production.aproval", "approvals?"),
    (production(approvals=["Le gal"]), "production.approvals[0]", ""),
    (production(approvals=[1]), "production.approvals[0]", ""),
    (production(approvals=[""]), "production.approvals[0]", ""),
    (production(checklists=["etics"]), "production.checklists[0]", "ethics?"),
    (
        production(rules=["metrics.f1 >= 0.9", "metrics.f1 - 1 > 0.0"]),
        "production.rules[1], column 14",
        "1.0",
    ),
    (production(rules="f1 >"), "production.rules[0]", ""),
    (production(forbid=["pickles"]), "production.forbid[0]", "pickle?"),
    (production(after=3), "production.after", ""),
    (production(after="a b"), "production.after", ""),
    (production(min_age="3 days"), "production.min_age", ""),
    (production(min_age=3), "production.min_age", ""),
    (production(min_age="-1d"), "production.min_age", ""),
    (production(signature="yes"), "production.signature", ""),
    (production(override=1), "production.override", ""),
    ({"checklists": {"launch": [None]}}, "policy.checklists.launch[0]", ""),
    ({"checklists": {"launch": {}}}, "policy.checklists.launch", ""),
    ({"keys": {"ana": {"roles": [], "public_key": KEY}}}, "policy.keys.ana.roles", ""),
    ({"keys": {"ana": {"roles": ["legal"]}}}, "policy.keys.ana.public_key", ""),
    ({"keys": {"ana": {"roles": ["legal"], "public_key": "no key!"}}}, "policy.keys.ana.public_key", ""),
    ({"keys": {"ana": {"roles": ["legal"], "public_key": "AAAA"}}}, "policy.keys.ana.public_key", ""),
    ({"keys": {"ana": {"role": ["legal"], "public_key": KEY}}}, "policy.keys.ana.role", "roles?"),
    ({"revoked": ["abc"]}, "policy.revoked[0]", ""),
    ({"revoked": float("nan")}, "policy.revoked", ""),
    ([], "policy", ""),
    (None, "policy", ""),
]


@pytest.mark.parametrize(("data", "path", "hint"), BAD)
def test_a_fault_has_its_path(data: Any, path: str, hint: str) -> None:
    """One line says where it is, and what was probably meant."""
    with pytest.raises(mv.InvalidValue) as failure:
        read_policy(data)
    assert path in failure.value.where
    assert hint in failure.value.hint
    assert "\n" not in str(failure.value)


def test_too_much_is_refused() -> None:
    """Nobody writes a thousand aliases."""
    with pytest.raises(mv.InvalidValue):
        read_policy({"require": {"alias": {f"a{number}": {} for number in range(2000)}}})
    with pytest.raises(mv.InvalidValue):
        read_policy(production(approvals=[f"r{number}" for number in range(2000)]))


def test_an_alias_in_two_cases_is_refused() -> None:
    """What the first asks for would be lost."""
    tables = {"production": {"approvals": ["legal"]}, "Production": {"fields": ["changelog"]}}
    with pytest.raises(mv.InvalidValue, match=r"require\.alias\.Production"):
        read_policy({"require": {"alias": tables}})


def test_two_keys_of_one_person_are_refused() -> None:
    """As tables, the first one would be lost."""
    policy = Policy(keys=(Key("ana", ("legal",), KEY), Key("ana", ("risk",), KEY)))
    with pytest.raises(mv.InvalidValue, match=r"policy\.keys\.ana"):
        policy_json(policy)
