"""Templates: valid as they are, and with every comment taken off; never written over anything."""

import re
from pathlib import Path

import pytest

import modelver as mv
from modelver.project.settings import read_project
from modelver.project.starting import TEMPLATES, template, write_project_file


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_is_a_project_file(tmp_path: Path, name: str) -> None:
    """As it is written."""
    path = write_project_file(name, tmp_path)
    project = read_project(path)
    assert project.model.startswith("my-")
    assert project.components


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_a_template_has_in_comments_works(tmp_path: Path, name: str) -> None:
    """Every setting that is commented out is one that is understood, its expressions too."""
    text = re.sub(r"^# (?=\[|[a-z_]+ = )", "", template(name), flags=re.MULTILINE)
    assert text != template(name)
    for file in ("eval/metrics.json", "out/metrics.json"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text('{"f1": 1}')
    (tmp_path / "params.toml").write_text("lr = 1")
    (tmp_path / "modelver.toml").write_text(text)
    assert read_project(tmp_path).model


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    """Neither a file nor a dangling link is written over."""
    (tmp_path / "modelver.toml").write_text("mine")
    with pytest.raises(mv.AlreadyExists, match="left as it is"):
        write_project_file("llm", tmp_path)
    assert (tmp_path / "modelver.toml").read_text() == "mine"
    with pytest.raises(mv.InvalidValue, match="one of llm"):
        write_project_file("gpt", tmp_path)
