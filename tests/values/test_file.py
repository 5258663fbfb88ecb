"""Files of a version: what a path tells, the same on every machine."""

import pytest
from hypothesis import given

from modelver.errors import InvalidValue, UnsafePath
from modelver.values.file import FileEntry, Role, media_type_of, prompt_name, role_of
from tests.strategies import paths


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("model.safetensors", Role.WEIGHTS),
        ("a/b/Model.ONNX", Role.WEIGHTS),
        ("pytorch_model.bin", Role.WEIGHTS),
        ("adapter.pt", Role.WEIGHTS),
        ("config.json", Role.CONFIG),
        ("conf/run.yaml", Role.CONFIG),
        ("pyproject.toml", Role.CONFIG),
        ("prompts/system.txt", Role.PROMPT),
        ("a/Prompts/b/system.txt", Role.PROMPT),
        ("system.prompt.md", Role.PROMPT),
        ("system.prompt", Role.PROMPT),
        ("prompts/few-shot.json", Role.PROMPT),
        ("tokenizer.json", Role.TOKENIZER),
        ("onnx/vocab.txt", Role.TOKENIZER),
        ("merges.txt", Role.TOKENIZER),
        ("train.csv", Role.DATA),
        ("eval/test.parquet", Role.DATA),
        ("few.jsonl", Role.DATA),
        ("README.md", Role.DOC),
        ("LICENSE", Role.DOC),
        ("paper.pdf", Role.DOC),
        ("modeling.py", Role.CODE),
        ("notes.txt", Role.OTHER),
        ("prompts", Role.OTHER),
        ("myprompts/system.txt", Role.OTHER),
        ("onnx", Role.OTHER),
        ("json", Role.OTHER),
        ("safetensors/readme", Role.DOC),
        (".env", Role.OTHER),
    ],
)
def test_a_path_tells_the_role(path: str, role: Role) -> None:
    """Folder and name decide, whatever their case; a bare word is no suffix."""
    assert role_of(path) is role


@given(paths)
def test_every_path_has_a_role_whatever_its_case(path: str) -> None:
    """No path is refused, and ASCII case makes no difference."""
    assert role_of(path) in Role
    if path.isascii():
        assert role_of(path.upper()) is role_of(path)
        assert media_type_of(path.upper()) == media_type_of(path)


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("config.json", "application/json"),
        ("A/README.MD", "text/markdown"),
        ("model.onnx", "application/octet-stream"),
        ("json", "application/octet-stream"),
        ("a.json/b", "application/octet-stream"),
    ],
)
def test_a_path_tells_the_media_type(path: str, media_type: str) -> None:
    """By a table of our own, so that all machines agree."""
    assert media_type_of(path) == media_type


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("prompts/system.txt", "system"),
        ("system.prompt.md", "system"),
        ("prompts/agents/planner.md", "agents/planner"),
        ("build/prompts/system", "system"),
        ("prompts/a/prompts/b.txt", "b"),
        ("Prompts/System.txt", "System"),
        ("myprompts/system.prompt", "myprompts/system"),
        (".system.prompt", "system"),
        ("prompts/.hidden.txt", "hidden"),
    ],
)
def test_a_prompt_has_a_name(path: str, name: str) -> None:
    """What comes after the prompts folder, without suffixes."""
    assert prompt_name(path) == name


@pytest.mark.parametrize("sha256", ["", "a" * 63, "A" * 64, "g" * 64, "sha256:" + "a" * 64, "a" * 64 + "\n"])
def test_a_file_has_a_sha256(sha256: str) -> None:
    """64 lower-case hexadecimal digits, as sha256sum prints them."""
    with pytest.raises(InvalidValue):
        FileEntry("a", 1, sha256)


def test_a_file_has_a_safe_path_and_a_size() -> None:
    """The path is normalised, and a size is not negative."""
    assert FileEntry("e\u0301", 0, "a" * 64).path == "\u00e9"
    with pytest.raises(UnsafePath):
        FileEntry("../a", 1, "a" * 64)
    with pytest.raises(InvalidValue, match="must not be negative: size"):
        FileEntry("a", -1, "a" * 64)
