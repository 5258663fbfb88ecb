"""A policy in words: everything that it can require is said."""

from modelver.gates.parse import read_policy
from modelver.publish.policy_words import policy_words


def test_everything_required_is_said() -> None:
    """Each requirement is a sentence of its own; what isn't required isn't said."""
    policy = read_policy(
        {
            "require": {
                "alias": {
                    "production": {
                        "approvals": ["legal", "safety"],
                        "checklists": ["ethics"],
                        "fields": ["changelog"],
                        "forbid": ["pickle"],
                        "rules": ["metrics.f1 >= 0.9"],
                        "after": "staging",
                        "min_age": "36h",
                        "signature": True,
                        "separate": True,
                        "override": False,
                    },
                    "staging": {},
                }
            }
        }
    )
    assert policy_words(policy, "production") == (
        "approvals by: legal, safety",
        "checklists gone through: ethics",
        "fields stated: changelog",
        "forbidden: pickle",
        "rule: metrics.f1 >= 0.9",
        "the same version in staging first",
        "known for 36h at least in staging",
        "approvals count only where they are signed",
        "nobody approves what they registered",
        "nobody may pass over failed checks",
    )
    assert policy_words(policy, "staging") == ("failed checks may be passed over with a reason",)
    assert policy_words(policy, "champion") == ()
