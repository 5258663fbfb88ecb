"""Projects to test with."""

from pathlib import Path

from tests.registries import weights, write_tree

PROJECT = """
[registry]
url = "models"
[model]
name = "acme/bot"
[components]
weights = "out/*.safetensors"
prompts = "prompts/**"
config = "config.json"
code = "src/**/*.py"
[metadata]
limitations = ["knows nothing of orders"]
[metrics]
f1 = 0.9
[data.train]
uri = "train.csv"
[environment]
lock = "uv.lock"
"""


def write_project(folder: Path, text: str = PROJECT) -> Path:
    """Write a project with one file of each kind; return its folder."""
    return write_tree(
        folder,
        {
            "modelver.toml": text,
            "out/model.safetensors": weights(head=[1.0, 2.0], body=[3.0]),
            "prompts/system.txt": "Be kind.\nAnswer {question}.\n",
            "config.json": '{"threshold": 0.5,\n"top_k": 3}',
            "src/pre.py": "print()\n",
            "train.csv": "amount\n1\n",
            "uv.lock": "torch==2\n",
            "notes.txt": "not part of it",
        },
    )
