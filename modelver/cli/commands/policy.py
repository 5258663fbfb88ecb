"""``modelver policy``."""

import click

from modelver.cli.completion import complete_models
from modelver.cli.options import Call, commit_id_option, reason_option, verb
from modelver.cli.terminal import say, write, write_json


@verb("policy")
@click.argument("model", required=False, shell_complete=complete_models)
@click.option(
    "--set",
    "path",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Set it from a modelver.toml or a pyproject.toml.",
)
@reason_option
@commit_id_option
def command(call: Call, *, model: str | None, path: str | None, reason: str, commit_id: str | None) -> None:
    """Show or set what registering and promoting require.

    With MODEL, that model's own; without, the default of all models. Both must be kept.
    """
    import json

    from modelver.gates.parse import policy_json

    if path is None and (reason or commit_id):
        raise click.UsageError("--reason and --commit-id go with --set.")
    if path is not None:
        policy = call.registry.set_policy(model, path, reason=reason, commit_id=commit_id)
        say(f"Set the policy of {model or 'all models'}")
    else:
        policy = call.registry.policy(model)
    tables = policy_json(policy)
    if call.as_json:
        write_json({"model": model, "policy": tables})
    else:
        write(json.dumps(tables, indent=2, ensure_ascii=True) if tables else "nothing is required")
