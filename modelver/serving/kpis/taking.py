"""What a reader is, and what is taken from one: figures, whatever it gives."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import attrs

from modelver.errors import InvalidValue, ModelverError
from modelver.serving.guarding.window import Window
from modelver.values.model_version import ModelVersion
from modelver.values.reading import Reading
from modelver.values.shown import one_line

Reader: TypeAlias = Callable[[ModelVersion, Window], Reading | Mapping[str, float | None]]
"""Gives the figures of a version over a window; of a mapping, ``samples`` is the number of samples."""

SAMPLES = "samples"
_MOST = 500


def take(read: Reader, version: ModelVersion, window: Window) -> Reading | str:
    """Ask a reader, and return what it gives, or why that is nothing: a reader may fail in any way.

    Figures of another version, and those that ended before the window began, are none.
    """
    try:
        found = _checked(_reading(read(version, window)), str(version.version), window)
    except Exception as error:  # noqa: BLE001 (whatever a reader raises is an outage, and no reason to stop guarding)
        named = "" if isinstance(error, ModelverError) else f"{type(error).__name__}: "
        found = f"{named}{error}"
    return found if isinstance(found, Reading) else one_line(found, _MOST)


def _checked(reading: Reading, name: str, window: Window) -> Reading | str:
    if reading.version not in {"", name}:
        return f"the reader gave figures of {reading.version[:80]}"
    if reading.end is not None and reading.end < window.begin:
        return f"the newest figures are of {reading.end:%Y-%m-%d %H:%M:%S} UTC"
    return attrs.evolve(
        reading,
        version=name,
        window=window.name,
        begin=reading.begin or window.begin,
        end=reading.end or window.end,
        unknown={},
    )


def _reading(found: object) -> Reading:
    if isinstance(found, Reading):
        return found
    if not isinstance(found, Mapping):
        raise InvalidValue(
            "a reader gave no figures",
            expected="a Reading, or a mapping of names to numbers",
            found=type(found).__name__,
        )
    values = {name: value for name, value in found.items() if name != SAMPLES}
    return Reading(values, found.get(SAMPLES))
