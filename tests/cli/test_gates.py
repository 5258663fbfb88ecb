"""`policy`, `approve`, `reject` and `promote`."""

import subprocess
from pathlib import Path

import pytest

from tests.cli.support import Run

POLICY = """
[require.register]
fields = ["changelog"]
[require.alias.production]
approvals = ["legal"]
rules = ["metrics.f1 >= 0.9"]
"""


@pytest.fixture
def policy(run: Run, fraud: str, tmp_path: Path) -> Path:
    """Give the file of a policy that was set for the model."""
    path = tmp_path / "modelver.toml"
    path.write_text(POLICY)
    done = run("policy", fraud, "--set", path, "--reason", "agreed")
    assert done.stderr == "Set the policy of acme/fraud\n"
    return path


def test_a_policy_is_shown_as_it_was_set(run: Run, fraud: str, policy: Path) -> None:
    """With or without a model, for people and as JSON."""
    assert run("policy").stdout == "nothing is required\n"
    assert run("policy", "--json").json == {"model": None, "policy": {}}
    shown = run("policy", fraud, "--json").json["policy"]
    assert shown["require"]["alias"]["production"]["approvals"] == ["legal"]
    assert '"metrics.f1 >= 0.9"' in run("policy", fraud).stdout
    assert "go with --set" in run("policy", fraud, "--reason", "x", code=2).stderr


def test_a_fault_in_a_policy_is_one_line(run: Run, fraud: str, policy: Path) -> None:
    """With its path, and what to write instead; the policy stays."""
    policy.write_text('[require.alias.production]\nrules = ["metrics.f1 - 1 > 0.0"]\n')
    done = run("policy", fraud, "--set", policy, code=2)
    assert "modelver.toml.require.alias.production.rules[0], column 14" in done.stderr
    assert "write 1.0" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_promotion_is_refused_with_all_that_failed(run: Run, fraud: str, policy: Path) -> None:
    """The exit code is 6 and the alias stays; a dry run shows the table, and exits with 1."""
    done = run("promote", f"{fraud}:1.0.0", "--to", "production", code=6)
    assert "approval legal: nobody approved" in done.stderr
    assert "`modelver approve REF --role ROLE`" in done.stderr
    refused = run("promote", f"{fraud}:1.0.0", "--to", "production", "--json", code=6).json["error"]
    assert [(each["check"], each["passed"]) for each in refused["verdicts"]] == [
        ("approval legal", False),
        ("rule metrics.f1 >= 0.9", True),
    ]
    dry = run("promote", f"{fraud}:1.0.0", "--to", "production", "--dry-run", code=1)
    assert "FAILED approval legal nobody approved" in " ".join(dry.stdout.split())
    answer = run("promote", f"{fraud}:1.0.0", "--to", "production", "--dry-run", "--json", code=1).json
    assert (answer["moved"], answer["passed"], len(answer["verdicts"])) == (False, False, 2)
    assert run("show", f"{fraud}@production", "--json").json["version"] == "1.1.0"


def test_an_approval_lets_it_pass_and_a_rejection_stops_it(run: Run, fraud: str, policy: Path) -> None:
    """Each says what it did."""
    done = run("approve", f"{fraud}:1.0.0", "--role", "legal", "--person", "ana", "--checklist", "ethics")
    assert done.stderr == "Approved acme/fraud:1.0.0 as legal\n"
    run("reject", f"{fraud}:1.0.0", "--role", "legal", "--reason", "consent", "--person", "bob")
    assert "bob rejected" in run("promote", f"{fraud}:1.0.0", "--to", "production", code=6).stderr
    run("approve", f"{fraud}:1.0.0", "--role", "legal", "--expires", "30d", "--to", "production")
    done = run("promote", f"{fraud}:1.0.0", "--to", "production", "--reason", "release")
    assert (done.stdout, done.stderr) == ("acme/fraud:1.0.0\n", "acme/fraud@production is 1.0.0 now\n")
    actions = [entry["action"] for entry in run("log", fraud, "--json").json["entries"]]
    assert actions[-4:] == ["approved", "rejected", "approved", "promote"]


def test_what_nobody_requires_is_told(run: Run, fraud: str, policy: Path) -> None:
    """A mistyped alias or role would otherwise look as if all were well."""
    done = run("promote", f"{fraud}:1.0.0", "--to", "prodution", "--dry-run")
    assert done.stderr == "nothing is required of acme/fraud@prodution\n"
    for said in (("approve",), ("reject", "--reason", "consent")):
        done = run(*said, f"{fraud}:1.0.0", "--role", "legl", "--person", "ana")
        assert "Warning: no policy asks for the role legl: policies ask for legal" in done.stderr


def test_an_override_is_flagged_in_the_log(run: Run, fraud: str, policy: Path) -> None:
    """It needs a reason."""
    run("promote", f"{fraud}:1.0.0", "--to", "production", "--override", code=2)
    done = run("promote", f"{fraud}:1.0.0", "--to", "production", "--override", "--reason", "outage")
    assert "passing over what failed" in done.stderr
    assert "promote, over failed checks" in run("log", fraud, "--alias", "production").stdout
    assert run("log", fraud, "--json").json["entries"][-1]["override"] is True


def test_an_approval_is_signed_with_a_key(run: Run, fraud: str, tmp_path: Path) -> None:
    """From a file; one that no policy trusts is told with what to add."""
    key = tmp_path / "key.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
    public = subprocess.run(
        ["openssl", "pkey", "-in", key, "-pubout"], check=True, capture_output=True, text=True
    )
    approve = ("approve", f"{fraud}:1.0.0", "--role", "legal", "--person", "ana", "--key", key)
    assert "no policy trusts this key" in run(*approve, code=2).stderr
    path = tmp_path / "modelver.toml"
    path.write_text(
        f'[keys.ana]\nroles = ["legal"]\npublic_key = """\n{public.stdout}"""\n'
        '[require.alias.production]\napprovals = ["legal"]\nsignature = true\n'
    )
    run("policy", "--set", path)
    run(*approve)
    answer = run("promote", f"{fraud}:1.0.0", "--to", "production", "--json").json
    assert answer["verdicts"][0]["reason"] == "ana, signed"
    run("verify")
