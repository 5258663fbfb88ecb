"""The run that this process belongs to, as trackers, CI systems and schedulers tell it in variables."""

from collections.abc import Mapping

from modelver.values.provenance import Run
from modelver.values.url import without_credentials


def capture_run(variables: Mapping[str, str]) -> Run | None:
    """Return the run, or None where no known system says one.

    A tracker's run is the nearest to the model, so it comes before a CI job, and that before a scheduler's. Only these
    variables are read, never tokens.

    Args:
        variables: The environment variables.
    """

    def joined(*parts: str) -> str:
        """Return an address of literal parts and of variables' values; nothing where one is missing."""
        values = [variables.get(part[1:], "") if part.startswith("$") else part for part in parts]
        return without_credentials("".join(values)) if all(values) else ""

    base = variables.get("WANDB_BASE_URL", "https://wandb.ai").rstrip("/")
    wandb = joined(f"{base}/", "$WANDB_ENTITY", "/", "$WANDB_PROJECT", "/runs/", "$WANDB_RUN_ID")
    github = joined("$GITHUB_SERVER_URL", "/", "$GITHUB_REPOSITORY", "/actions/runs/", "$GITHUB_RUN_ID")
    known = (
        ("wandb", "WANDB_RUN_ID", wandb),
        ("mlflow", "MLFLOW_RUN_ID", ""),
        ("github", "GITHUB_RUN_ID", github),
        ("gitlab", "CI_JOB_ID", joined("$CI_JOB_URL")),
        ("slurm", "SLURM_JOB_ID", ""),
    )
    return next(
        (Run(system, variables[name], url) for system, name, url in known if variables.get(name)), None
    )
