"""The run is found from the variables of trackers, CI systems and schedulers, without their secrets."""

import pytest

from modelver.capture.run import capture_run
from modelver.values.provenance import Run

GITHUB = {
    "GITHUB_RUN_ID": "123",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "acme/fraud",
    "GITHUB_TOKEN": "t0ken",
}
GITLAB = {"CI_JOB_ID": "77", "CI_JOB_URL": "https://gitlab.com/acme/fraud/-/jobs/77", "CI_JOB_TOKEN": "t0ken"}
WANDB = {"WANDB_RUN_ID": "ab12", "WANDB_ENTITY": "acme", "WANDB_PROJECT": "fraud", "WANDB_API_KEY": "t0ken"}
MLFLOW = {"MLFLOW_RUN_ID": "0af3", "MLFLOW_TRACKING_URI": "https://ann:t0ken@mlflow.example"}
SLURM = {"SLURM_JOB_ID": "4711"}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (GITHUB, Run("github", "123", "https://github.com/acme/fraud/actions/runs/123")),
        ({"GITHUB_RUN_ID": "123"}, Run("github", "123")),
        (GITLAB, Run("gitlab", "77", "https://gitlab.com/acme/fraud/-/jobs/77")),
        (WANDB, Run("wandb", "ab12", "https://wandb.ai/acme/fraud/runs/ab12")),
        (
            WANDB | {"WANDB_BASE_URL": "https://ann:t0ken@wandb.example/"},
            Run("wandb", "ab12", "https://wandb.example/acme/fraud/runs/ab12"),
        ),
        ({"WANDB_RUN_ID": "ab12"}, Run("wandb", "ab12")),
        (MLFLOW, Run("mlflow", "0af3")),
        (SLURM, Run("slurm", "4711")),
        ({"GITHUB_RUN_ID": ""}, None),
        ({}, None),
    ],
)
def test_each_system_is_recognised(variables: dict[str, str], expected: Run | None) -> None:
    """A run is known by its system and id, and by its page where the variables tell it; never by a token."""
    found = capture_run(variables)
    assert found == expected
    assert "t0ken" not in repr(found)


def test_the_nearest_to_the_model_comes_first() -> None:
    """A tracker's run within a CI job within a scheduler's job is the one to look at."""
    order = []
    variables = WANDB | MLFLOW | GITHUB | GITLAB | SLURM
    while run := capture_run(variables):
        order.append(run.system)
        variables = {name: value for name, value in variables.items() if value != run.id}
    assert order == ["wandb", "mlflow", "github", "gitlab", "slurm"]
