"""A project file to begin with."""

from importlib.resources import files
from pathlib import Path

from modelver.errors import AlreadyExists, InvalidValue, StoreError
from modelver.project.file import PROJECT_FILE

TEMPLATES = ("llm", "classifier", "embedding", "minimal")


def template(name: str) -> str:
    """Return a commented project file.

    Raises:
        InvalidValue: There is no such template.
    """
    if name not in TEMPLATES:
        raise InvalidValue("not a template", where=repr(name)[:80], expected=f"one of {', '.join(TEMPLATES)}")
    return files("modelver.project").joinpath("templates", f"{name}.toml").read_text(encoding="utf-8")


def write_project_file(name: str, folder: Path) -> Path:
    """Write a project file from a template where there is none; return its path.

    Raises:
        InvalidValue: There is no such template.
        AlreadyExists: The folder has a project file; it is left as it is.
        StoreError: It can't be written.
    """
    text = template(name)
    path = folder / PROJECT_FILE
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise AlreadyExists(
            "there is a project file", where=path.absolute(), hint="It was left as it is."
        ) from None
    except OSError as error:
        raise StoreError(
            "a project file can't be written", where=path, found=error.strerror or error
        ) from error
    return path
