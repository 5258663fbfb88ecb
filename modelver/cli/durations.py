"""Lengths of time on the command line: ``30s``, ``5m``, ``1.5h``, or seconds."""

import re

import click

_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[smhd]?)")


class Duration(click.ParamType[float]):
    """A length of time, in seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a text such as ``30s``."""
        if isinstance(value, int | float):
            return float(value)
        found = _DURATION.fullmatch(str(value).strip().lower())
        if found is None:
            self.fail(f"{value!r} is no length of time: write 30s, 5m or 1h.", param, ctx)
        return float(found[1]) * _UNITS[found[2]]
