"""Everything displays itself in a notebook that is really executed."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import measuring

CELLS = {
    "registry": "registry",
    "version": "version",
    "comparison": "registry.compare(version, changed)",
    "history": "registry.history('demo', alias='production')",
    "status": "registry.status(version)",
    "report": "registry.verify()",
    "loaded": "registry.load(version)",
}
SETUP = """
import modelver as mv
registry = mv.Registry("registry", actor="<script>alert(1)</script>")
version = registry.register(
    "demo", {"<i>.txt".replace("<", "(").replace(">", ")"): b"1"}, changelog="<img src=x onerror=alert(2)>",
    metrics={"<b>f1</b>": 0.5}, metadata={"intended_use": "<u>all</u>"}, capture=False,
)
changed = registry.register("demo", {"a.txt": b"2"}, metrics={"<b>f1</b>": 0.6}, capture=False)
registry.set_alias("demo", "production", version, reason="<marquee>")
"""


@pytest.fixture(scope="module")
def sockets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give a kernel's folder, and keep it out of the user's own, and coverage out of it."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="modelver-") as folder:
        measuring.leave_unmeasured(patch)
        patch.setenv("MODELVER_CACHE", str(tmp_path_factory.mktemp("user-cache")))
        patch.setenv("JUPYTER_RUNTIME_DIR", folder)
        yield folder  # which is not below pytest's, as a socket's address is short


@pytest.fixture(scope="module")
def displays(tmp_path_factory: pytest.TempPathFactory, sockets: str) -> dict[str, str]:
    """Execute a notebook in a real kernel, and return the HTML of each cell."""
    import nbformat  # late, like NotebookClient: a JSON schema's formats take seconds to import
    from nbclient import NotebookClient
    from traitlets.config import Config

    folder: Path = tmp_path_factory.mktemp("notebook")
    notebook: Any = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in (SETUP, *CELLS.values())]
    )
    NotebookClient(
        notebook,
        timeout=240,
        startup_timeout=240,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        # A TCP port that is free when it is chosen may be another's when the kernel has started.
        config=Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}}),
    ).execute()
    return {
        name: cell.outputs[-1].data.get("text/html", "")
        for name, cell in zip(CELLS, notebook.cells[1:], strict=True)
    }


@pytest.mark.parametrize("name", CELLS)
def test_a_value_shows_itself_as_a_table(displays: dict[str, str], name: str) -> None:
    """Each public value has an HTML display that names what it is about."""
    assert "<strong>" in displays[name]
    assert "registry" in displays[name] or "demo" in displays[name]


@pytest.mark.parametrize("name", CELLS)
def test_text_of_others_is_never_markup(displays: dict[str, str], name: str) -> None:
    """What publishers write is escaped, wherever it is shown."""
    for markup in ("<script", "<img", "<b>", "<u>", "<marquee"):
        assert markup not in displays[name]


@pytest.mark.parametrize("name", CELLS)
def test_a_display_takes_the_notebooks_own_colours(displays: dict[str, str], name: str) -> None:
    """No display sets a text or background colour, so that it reads in light and dark themes alike."""
    assert "color:#" not in displays[name].replace(" ", "")
    assert "background" not in displays[name]
