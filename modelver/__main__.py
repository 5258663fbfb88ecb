"""The command ``modelver``, which is ``python -m modelver`` too."""

import sys
from importlib.util import find_spec


def main() -> None:
    """Run the command; say what to install where its packages are missing."""
    missing = [package for package in ("click", "rich") if find_spec(package) is None]
    if missing:
        sys.stderr.write(
            f"Error: the command needs {' and '.join(missing)}, not installed here:"
            ' python -m pip install "modelver[cli]"\n'
        )
        sys.exit(
            8
        )  # the environment failed: modelver/cli/exit_codes.py, which needs no package, but its room does
    from modelver.cli.main import modelver

    modelver()


if __name__ == "__main__":
    main()
