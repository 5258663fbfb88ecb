"""The house rules that no single room can keep on its own."""

import subprocess
import sys
from pathlib import Path

from tests.measuring import unmeasured_environment

ROOT = Path(__file__).resolve().parents[1]
LONGEST_MODULE = 300
HEAVY = {"cattrs", "click", "fsspec", "numpy", "rich", "sqlite3"}


def test_imports_go_down_only() -> None:
    """import-linter finds every contract in pyproject.toml kept."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_module_outgrows_its_room() -> None:
    """A module longer than 300 lines becomes a folder."""
    lengths = {
        path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / "modelver").rglob("*.py")
    }
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_MODULE} == {}


def test_importing_modelver_stays_light() -> None:
    """`import modelver` loads no heavy package; each waits until something needs it."""
    code = "import modelver, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    # Coverage of subprocesses would load sqlite3 by itself.
    environment = unmeasured_environment()
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert HEAVY & set(done.stdout.split()) == set()
