"""How often a guard is wrong, and how long it takes to be right: 10,000 simulated streams of figures.

`benchmarks/_guard_streams.py` has the streams. A stream is two hours of a service whose error rate is 2 %; the rule lets it
rise by 2 points over that of the version before, in windows of 5 minutes. Every stream runs under each setting.

With ``--write`` the table and the plot of docs/explanation/guarding.md are made anew.
"""

import argparse
import re
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._guard_streams import KINDS, Kind, Ran, Setting, Study

PAGE = Path(__file__).resolve().parents[1] / "docs" / "explanation" / "guarding.md"
PLOT = PAGE.parent / "guarding.svg"
DEFAULT = Setting(200, 3)
BREACHES = (1, 2, 3, 5)
SAMPLES = (0, 100, 200, 400)
OTHERS = (
    Setting(200, 3, clear=1),
    Setting(200, 3, apart=1),
    Setting(200, 5, apart=1),
    Setting(200, 2, hour=True),
    Setting(200, 3, hour=True),
)
SETTINGS = (*(Setting(samples, breaches) for samples in SAMPLES for breaches in BREACHES), *OTHERS)
_BATCH = 25
_STEPS = [kind for kind in KINDS if kind.harm and kind.step]


def run_batch(task: tuple[Kind, range]) -> dict[tuple[str, Setting], list[Ran]]:
    """Run some streams of one kind."""
    study = Study(SETTINGS)
    study.add(*task)
    return study.ran


def run(streams: int, processes: int) -> Study:
    """Run so many streams, of all kinds by their shares."""
    counts = {kind: max(1, round(kind.share * streams / 10_000)) for kind in KINDS}
    tasks = [
        (kind, range(start, min(start + _BATCH, count)))
        for kind, count in counts.items()
        for start in range(0, count, _BATCH)
    ]
    study = Study(SETTINGS)
    with ProcessPoolExecutor(processes) as pool:
        for found in pool.map(run_batch, tasks):
            study.join(found)
    return study


def percent(share: float) -> str:
    """Return a share for people."""
    return f"{100 * share:.1f} %"


def table_of_settings(study: Study) -> str:
    """Return what settings do: wrong rollbacks, and how soon a step of 5 points is found."""
    faint, step = (next(kind for kind in KINDS if kind.step == rise) for rise in (0.03, 0.05))
    header = "| `min_samples` | `breaches` | `clear` | `apart` | baseline | wrong | +3 points found | +5 points found | half within | 9 of 10 within |"
    rows = [header, "|---|---|---|---|---|---|---|---|---|---|"]
    for setting in SETTINGS:
        found = study.of(step, setting)
        mark = "**" if setting == DEFAULT else ""
        cells = (
            setting.min_samples,
            setting.breaches,
            setting.clear,
            f"{setting.apart} min",
            "1 h" if setting.hour else "5 min",
            percent(study.false_rollbacks(setting)),
            percent(study.of(faint, setting).rolled_back - study.of(faint, setting).early),
            percent(found.rolled_back - found.early),
            f"{found.delay(0.5):.0f} min",
            f"{found.delay(0.9):.0f} min",
        )
        rows.append("| " + " | ".join(f"{mark}{cell}{mark}" for cell in cells) + " |")
    return "\n".join(rows)


def table_of_kinds(study: Study, setting: Setting) -> str:
    """Return what a guard does to each kind of stream."""
    rows = ["| stream | streams | rolled back | before anything happened | half within | 9 of 10 within |"]
    rows.append("|---|---|---|---|---|---|")
    for kind in KINDS:
        found = study.of(kind, setting)
        delays = [f"{found.delay(share):.0f} min" if kind.harm else "" for share in (0.5, 0.9)]
        early = percent(found.early) if kind.harm else ""
        cells = (kind.name, f"{len(found.ran):,}", percent(found.rolled_back), early, *delays)
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


_WIDTH, _HEIGHT, _LEFT, _TOP = 330, 220, 52, 34
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7")  # Okabe and Ito's, which most people can tell apart


def plot(study: Study) -> str:
    """Return wrong rollbacks and the median delay over `breaches`, a line for each `min_samples`, as SVG."""
    step = next(kind for kind in KINDS if kind.step == 0.05)
    wrong = [[100 * study.false_rollbacks(Setting(m, b)) for b in BREACHES] for m in SAMPLES]
    delay = [[study.of(step, Setting(m, b)).delay(0.5) for b in BREACHES] for m in SAMPLES]
    panels = _panel(0, "streams rolled back wrongly, %", wrong) + _panel(
        1, "minutes to find +5 points, median", delay
    )
    legend = "".join(
        f'<rect x="{60 + 150 * i}" y="286" width="12" height="12" fill="{colour}"/>'
        f'<text x="{78 + 150 * i}" y="297">min_samples {samples}</text>'
        for i, (samples, colour) in enumerate(zip(SAMPLES, _COLOURS, strict=True))
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 780 310" font-family="sans-serif" font-size="12">'
        '<title>Wrong rollbacks, and the time to find a real fault</title><rect width="780" height="310" fill="#fff"/>'
        f"{panels}{legend}</svg>\n"
    )


def _panel(number: int, title: str, lines: list[list[float]]) -> str:
    left = _LEFT + number * (_WIDTH + _LEFT)
    most = max(value for line in lines for value in line) * 1.05 or 1.0
    across = [left + 20 + i * (_WIDTH - 40) / (len(BREACHES) - 1) for i in range(len(BREACHES))]

    def down(value: float) -> float:
        return _TOP + _HEIGHT * (1 - value / most)

    parts = [
        f'<text x="{left}" y="20" font-weight="bold">{title}</text>',
        f'<path d="M{left},{_TOP}V{_TOP + _HEIGHT}H{left + _WIDTH}" fill="none" stroke="#555"/>',
    ]
    for share in (0.25, 0.5, 0.75, 1.0):
        at = down(most * share)
        parts.append(f'<path d="M{left},{at:.1f}h{_WIDTH}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{at + 4:.1f}" text-anchor="end">{most * share:.0f}</text>')
    for x, breaches in zip(across, BREACHES, strict=True):
        parts.append(
            f'<text x="{x:.1f}" y="{_TOP + _HEIGHT + 18}" text-anchor="middle">breaches {breaches}</text>'
        )
    for line, colour in zip(lines, _COLOURS, strict=True):
        points = " ".join(f"{x:.1f},{down(value):.1f}" for x, value in zip(across, line, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{x:.1f}" cy="{down(value):.1f}" r="3" fill="{colour}"/>'
            for x, value in zip(across, line, strict=True)
        ]
    return "".join(parts)


def write(study: Study) -> None:
    """Put the tables into the page, and the plot beside it."""
    page = PAGE.read_text(encoding="utf-8")
    for name, text in (("settings", table_of_settings(study)), ("kinds", table_of_kinds(study, DEFAULT))):
        page, found = re.subn(
            rf"(<!-- study: {name} -->\n).*?(<!-- end -->)", rf"\g<1>{text}\n\g<2>", page, flags=re.DOTALL
        )
        if found != 1:
            raise SystemExit(f"{PAGE} has no place for {name}")
    PAGE.write_text(page, encoding="utf-8")
    PLOT.write_text(plot(study), encoding="utf-8")


def main() -> None:
    """Run the study and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="renew docs/explanation/guarding.md")
    arguments = parser.parse_args()
    start = time.perf_counter()
    study = run(arguments.streams, arguments.processes)
    print(table_of_settings(study), table_of_kinds(study, DEFAULT), sep="\n\n")
    runs = sum(map(len, study.ran.values()))
    print(
        f"\n{runs:,} guards of {runs // len(SETTINGS):,} streams in {time.perf_counter() - start:.0f} s;",
        end=" ",
    )
    print(f"a guard went to a version that a guard had left {study.flaps()} times")
    if arguments.write:
        write(study)


if __name__ == "__main__":
    main()
