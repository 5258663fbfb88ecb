"""The run that this process belongs to, as trackers, CI systems and schedulers tell it in variables."""

from collections.abc import Mapping

from modelver.values.provenance import Run
from modelver.values.url import without_credentials


def capture_run(variables: Mapping[str, str]) -> Run | None:
    """Return the run, or None where no known system says one. Only ids and addresses are read, never tokens."""
    if run := variables.get("WANDB_RUN_ID"):
        return Run("wandb", run)
    if run := variables.get("MLFLOW_RUN_ID"):
        return Run("mlflow", run)
    if run := variables.get("GITHUB_RUN_ID"):
        server, repository = variables.get("GITHUB_SERVER_URL", ""), variables.get("GITHUB_REPOSITORY", "")
        url = (
            without_credentials(f"{server}/{repository}/actions/runs/{run}") if server and repository else ""
        )
        return Run("github", run, url)
    if run := variables.get("CI_JOB_ID"):
        return Run("gitlab", run, without_credentials(variables.get("CI_JOB_URL", "")))
    if run := variables.get("SLURM_JOB_ID"):
        return Run("slurm", run)
    return None
