"""Numbers for people."""

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_STEP = 1000


def format_size(size: float) -> str:
    """Return a number of bytes in decimal units: ``2.3 MB``."""
    for unit in _UNITS[:-1]:
        if size < _STEP:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= _STEP
    return f"{size:.1f} {_UNITS[-1]}"
