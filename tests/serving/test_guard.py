"""A guard goes back when production is bad, once, and never for want of data, past a pin, or to and fro."""

import logging
import threading
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import modelver as mv
from modelver.errors import Offline
from modelver.serving.guarding.window import parse_length
from modelver.storage.memory import MemoryStore
from tests.serving.guards import BAD, GOOD, RULE, Scene, Shaky, filled


@pytest.fixture
def scene() -> Scene:
    """Give production at 2.0.0, which was 1.0.0 before, with good figures of both."""
    registry = filled(f"memory://{uuid.uuid4().hex}", "1.0.0", "2.0.0")
    return Scene(registry, {"1.0.0": GOOD, "2.0.0": GOOD})


def outcomes(reports: list[mv.GuardReport]) -> list[str]:
    """Return how some looks ended."""
    return [report.outcome for report in reports]


def moves(registry: mv.Registry) -> list[str]:
    """Return how production moved."""
    return [entry.action for entry in registry.history("m", alias="production")]


def test_a_breach_that_lasts_is_rolled_back_with_the_evidence(scene: Scene) -> None:
    """Three breached readings in a row do it; the commit says which rule, which figures, since when."""
    scene.figures["2.0.0"] = BAD
    reports = scene.look(scene.guard(), 3)
    assert outcomes(reports) == ["breached", "breached", "rolled_back"]
    assert not any(reports)
    assert reports[-1].went_to == "1.0.0" == scene.registry.resolve("m@production").version
    move = scene.registry.history("m", alias="production")[-1]
    assert move.action == "guard"
    assert "error_rate 0.1, baseline error_rate 0.01); 3 readings in a row, since" in move.reason
    breach = move.breach
    assert breach is not None
    assert (breach.readings, breach.since) == (3, reports[0].at)
    assert [(each.version, each.values, each.samples) for each in (*breach.current, *breach.baseline)] == [
        ("2.0.0", {"error_rate": 0.1}, 1000),
        ("1.0.0", {"error_rate": 0.01}, 1000),
    ]
    assert "what a guard saw" in str(scene.registry.audit("m", alias="production"))
    assert scene.registry.verify()


def test_good_figures_move_nothing(scene: Scene) -> None:
    """And the report is true."""
    reports = scene.look(scene.guard(), 5)
    assert all(reports)
    assert set(outcomes(reports)) == {"ok"}
    assert moves(scene.registry) == ["manual", "manual"]


def test_the_baseline_is_the_last_window_of_the_version_before(scene: Scene) -> None:
    """It ends when the alias moved on, and the current one is cut where it began to serve."""
    scene.ahead = timedelta(minutes=2)
    scene.look(scene.guard())
    (current, asked), (before, then) = scene.asked
    since = scene.registry.watched("m", "production").current.since
    assert (current, asked.begin, asked.end) == ("2.0.0", since, since + timedelta(minutes=2))
    assert (before, then.end) == ("1.0.0", since)
    assert asked.name == then.name == "5m"


def test_one_good_reading_does_not_hide_a_breach_and_two_do(scene: Scene) -> None:
    """Hysteresis goes both ways: a streak ends with `clear` good readings."""
    guard = scene.guard()
    given = iter([BAD, BAD, GOOD, GOOD, BAD, GOOD, BAD, BAD])
    scene.figures["2.0.0"] = lambda: next(given)
    reports = scene.look(guard, 8)
    assert outcomes(reports) == [
        "breached",
        "breached",
        "ok",
        "ok",
        "breached",
        "ok",
        "breached",
        "rolled_back",
    ]
    assert [report.streak for report in reports] == [1, 2, 2, 0, 1, 1, 2, 3]


def test_too_few_samples_are_no_breach(scene: Scene) -> None:
    """Neither of the current version, nor of the baseline; it is told."""
    scene.figures["2.0.0"] = {**BAD, "samples": 199}
    (report,) = scene.look(scene.guard())
    assert (report.outcome, report.reason) == ("waiting", "current: 199 of at least 200 samples")
    scene.figures |= {"2.0.0": BAD, "1.0.0": {**GOOD, "samples": 3}}
    (report,) = scene.look(scene.guard())
    assert (report.outcome, report.reason) == ("waiting", "baseline: 3 of at least 200 samples")
    assert report
    assert report.streak == 0


@pytest.mark.parametrize(
    ("figures", "told"),
    [
        ({}, "there is no number of samples"),
        ({"error_rate": 0.5}, "there is no number of samples"),
        ({"samples": 1000}, "there is no error_rate"),
        ({"error_rate": None, "samples": 1000}, "there is no error_rate"),
        ({"error_rate": float("nan"), "samples": 1000}, "there is no error_rate"),
        ({"error_rate": float("inf"), "samples": 1000}, "there is no error_rate"),
        ({"error_rate": 0.5, "samples": float("nan")}, "there is no number of samples"),
        ({"error_rate": 0.5, "samples": -1}, "not a number of samples"),
        ({"error_rate": "0.5", "samples": 1000}, "not a number"),
        ({"error_rate": True, "samples": 1000}, "not a number"),
        ({"error_rate": [0.5], "samples": 1000}, "not a number"),
        ({"error\x1b[31m": 0.5, "samples": 1000}, "not the name of a figure"),
        ({f"m{number}": 0.5 for number in range(100)}, "too many figures"),
        ([0.5], "a reader gave no figures"),
        (None, "a reader gave no figures"),
        (mv.Reading({"error_rate": 0.5}, 1000, version="9.9.9"), "figures of 9.9.9"),
        (
            mv.Reading({"error_rate": 0.5}, 1000, end=datetime(2020, 1, 1, tzinfo=UTC)),
            "the newest figures are of 2020-01-01",
        ),
    ],
    ids=str,
)
def test_what_can_not_be_read_is_no_breach(scene: Scene, figures: object, told: str) -> None:
    """An outage rolls nothing back, however often it is seen; and it is no good sign either."""
    scene.figures["2.0.0"] = figures  # type: ignore[assignment] # what readers may give
    reports = scene.look(scene.guard(), 5)
    assert set(outcomes(reports)) == {"unreadable"}
    assert not any(reports)
    assert told in reports[-1].reason
    assert moves(scene.registry) == ["manual", "manual"]


def test_a_reader_that_raises_is_an_outage(scene: Scene) -> None:
    """Whatever it raises; the streak waits meanwhile, and is not forgotten."""

    def down() -> dict[str, float | None]:
        raise ConnectionResetError("gone")

    guard = scene.guard()
    scene.figures["2.0.0"] = BAD
    scene.look(guard, 2)
    scene.figures["2.0.0"] = down
    reports = scene.look(guard, 3)
    assert [(report.outcome, report.reason) for report in reports] == [
        ("unreadable", "current: ConnectionResetError: gone")
    ] * 3
    scene.figures["2.0.0"] = BAD
    assert outcomes(scene.look(guard)) == ["rolled_back"]


def test_what_a_reader_says_keeps_no_guard_from_rolling_back(scene: Scene) -> None:
    """Half a character, which no commit can hold, a control character and a long text go into the evidence as one line."""

    def down() -> dict[str, float | None]:
        raise ValueError("bad \ud800\x1b[2K\nthing" + "x" * 5000)

    scene.figures |= {"2.0.0": BAD, "1.0.0": down}
    rules = ["current.metrics.error_rate <= 0.05", RULE]
    (report,) = scene.look(scene.guard(rules=rules, breaches=1))
    assert report.outcome == "rolled_back"
    breach = scene.registry.history("m", alias="production")[-1].breach
    assert breach is not None
    reason = breach.answers[1].reason
    assert reason.startswith(r"baseline: ValueError: bad \ud800\x1b[2K\nthingxxx")
    assert len(reason) < 600


def test_the_most_that_a_guard_may_see_fits_into_a_commit(scene: Scene) -> None:
    """As many windows, figures and rules as there may be, with the longest names, all of signs of four bytes."""
    figures = {f"{number:02}".ljust(128, "\U0001f600"): 0.5 for number in range(63)}
    scene.figures |= {"2.0.0": {**BAD, **figures}, "1.0.0": {**GOOD, **figures}}
    name = next(iter(figures))
    rules = [
        f'current.windows["{number % 8 + 1}m"].metrics["{name}"] + {number}.0 <= '
        f'baseline.windows["{number % 8 + 1}m"].metrics["{name}"] - 1.0'
        for number in range(32)
    ]
    rules = [rule + " // " + "\U0001f600" * 1150 for rule in rules]
    (report,) = scene.look(scene.guard(rules=rules, breaches=1))
    assert (report.outcome, len(report.current)) == ("rolled_back", 8)


def test_rules_that_no_commit_could_hold_are_refused_at_once(scene: Scene) -> None:
    """Not when there is a breach: 32 rules of 4,096 signs of four bytes."""
    rule = "current.metrics.a > 1.0 // "
    with pytest.raises(
        mv.LimitExceeded, match=r"too many bytes of rules \(expected at most 196,608, found 52"
    ):
        scene.guard(rules=[rule.ljust(4096, "\U0001f600")] * 32)


@pytest.mark.parametrize("fault", [mv.InvalidValue("no"), mv.LogTampered("damaged"), mv.SourceChanged("odd")])
def test_whatever_keeps_a_rollback_from_happening_is_reported(scene: Scene, fault: mv.ModelverError) -> None:
    """The guard goes on, and tries again at the next look."""
    registry = Shaky(scene.registry)

    def fail(*_: object, **__: object) -> mv.ModelverError:
        raise fault

    registry.rollback_on_breach = fail  # type: ignore[method-assign, assignment] # to come between
    scene.figures["2.0.0"] = BAD
    (report,) = scene.look(scene.guard(registry, breaches=1))
    assert (report.outcome, report.reason) == ("breached", f"it could not be rolled back yet: {fault}")


def test_one_broken_rule_is_a_breach_though_another_can_not_be_read(scene: Scene) -> None:
    """What is missing hides nothing."""
    scene.figures["2.0.0"] = BAD
    rules = [RULE, "current.metrics.latency <= 0.3"]
    reports = scene.look(scene.guard(rules=rules, breaches=1))
    assert outcomes(reports) == ["rolled_back"]
    assert [each.answer for each in reports[0].answers] == ["breached", "unreadable"]


def test_nothing_is_said_right_after_a_move(scene: Scene) -> None:
    """Caches are cold then, and replicas still swap; a clock that is behind says nothing either."""
    guard = scene.guard(settle="1m", breaches=1)
    scene.figures["2.0.0"] = BAD
    scene.ahead = timedelta(seconds=59)
    (report,) = scene.look(guard)
    assert (report.outcome, report.reason) == ("waiting", "the alias moved 59 s ago")
    assert not scene.asked
    scene.ahead = timedelta(hours=-1)
    (report,) = scene.look(guard)
    assert "clock is behind the log's time by 1:00:00" in report.reason
    scene.ahead = timedelta(minutes=1)
    assert outcomes(scene.look(guard)) == ["rolled_back"]


def test_a_guard_lets_be_what_a_guard_went_back_to_for_a_while(scene: Scene) -> None:
    """A bad day of everything takes production back one version, not all the way; a person's move ends the wait."""
    registry = filled(f"memory://{uuid.uuid4().hex}", "1.0.0", "2.0.0", "3.0.0")
    scene = Scene(registry, {"1.0.0": GOOD, "2.0.0": BAD, "3.0.0": BAD})
    guard = scene.guard(rules="current.metrics.error_rate <= 0.05", breaches=1, cooldown="30m")
    assert scene.look(guard)[0].went_to == "2.0.0"
    scene.ahead = timedelta(minutes=29)
    (report,) = scene.look(guard)
    assert (report.outcome, report.streak) == ("waiting", 1)
    assert "60 s of cool-down left" in report.reason
    assert scene.look(guard)[0].went_to == "1.0.0"
    registry.set_alias("m", "production", "3.0.0", reason="mended around it")
    scene.ahead = timedelta(minutes=2)
    assert scene.look(guard)[0].went_to == "1.0.0"


def test_with_nothing_to_go_back_to_it_says_so(scene: Scene) -> None:
    """A first version has no baseline, which is no alarm; broken it is one, and it stays."""
    registry = filled(f"memory://{uuid.uuid4().hex}", "1.0.0")
    scene = Scene(registry, {"1.0.0": BAD})
    (report,) = scene.look(scene.guard())
    assert (report.outcome, bool(report)) == ("waiting", True)
    assert "there is no earlier version" in report.reason
    (report,) = scene.look(scene.guard(rules="current.metrics.error_rate <= 0.05", breaches=1))
    assert report.outcome == "nothing_to_go_back_to"
    assert moves(registry) == ["manual"]


def test_it_never_goes_to_a_yanked_version_nor_to_one_that_is_damaged(tmp_path: Path) -> None:
    """Where nothing else is left, it stays."""
    registry = filled(tmp_path / "registry", "1.0.0", "2.0.0", "3.0.0")
    scene = Scene(registry, {"3.0.0": BAD})
    guard = scene.guard(rules="current.metrics.error_rate <= 0.05", breaches=1)
    registry.yank("m:2.0.0", reason="bad")
    blob = registry.get("m:1.0.0").files[0].sha256
    (tmp_path / "registry" / "blobs" / "sha256" / blob[:2] / blob).unlink()
    (report,) = scene.look(guard)
    assert report.outcome == "nothing_to_go_back_to"
    assert "no earlier version can be loaded" in report.reason
    assert registry.resolve("m@production").version == "3.0.0"


class Away(MemoryStore):
    """Can't be reached when it is asked for a size the first time."""

    asked = False

    def size(self, key: str) -> int:
        """Fail once."""
        if not self.asked:
            self.asked = True
            raise Offline("the store can't be reached", where=key)
        return super().size(key)


def test_a_store_that_fails_at_the_rollback_puts_it_off(scene: Scene) -> None:
    """The only version to go back to is no worse for it: the next look goes back there."""
    registry = scene.registry
    registry._session.store = Away(registry.url.removeprefix("memory://"))
    scene.figures["2.0.0"] = BAD
    guard = scene.guard(breaches=1)
    first, second = scene.look(guard, 2)
    assert (first.outcome, first.went_to) == ("breached", "")
    assert "it could not be rolled back yet: the store can't be reached" in first.reason
    assert (second.outcome, second.went_to) == ("rolled_back", "1.0.0")


def test_a_pin_holds_a_guard_back(scene: Scene) -> None:
    """Also one that was set between its look and its act."""
    scene.figures["2.0.0"] = BAD
    scene.registry.pin("m", "production", reason="load test until six")
    reports = scene.look(scene.guard(), 4)
    assert outcomes(reports) == ["breached", "breached", "pinned", "pinned"]
    assert "pinned by ana@acme.io: load test until six" in reports[-1].reason
    scene.registry.unpin("m", "production")

    def pin_meanwhile() -> dict[str, float | None]:
        scene.registry.pin("m", "production", reason="just now")
        return dict(BAD)

    scene.figures["2.0.0"] = pin_meanwhile
    assert outcomes(scene.look(scene.guard())) == ["pinned"]
    assert moves(scene.registry)[-1] == "pinned"


def test_an_alias_that_a_person_moves_meanwhile_is_left_to_them(scene: Scene) -> None:
    """What was seen is not of what is served now."""
    registry = filled(f"memory://{uuid.uuid4().hex}", "1.0.0", "2.0.0", "3.0.0")
    scene = Scene(registry, {"2.0.0": GOOD})

    def move() -> dict[str, float | None]:
        registry.rollback("m", "production", reason="by hand")
        return dict(BAD)

    scene.figures["3.0.0"] = move
    (report,) = scene.look(scene.guard(breaches=1))
    assert (report.outcome, report.reason) == ("waiting", "the alias moved meanwhile")
    assert registry.resolve("m@production").version == "2.0.0"
    assert moves(registry)[-1] == "rollback"


def test_a_commit_that_took_the_breachs_id_is_told(scene: Scene) -> None:
    """Whoever wrote it: the guard can't act, says so, and goes on."""
    generation = scene.registry.watched("m", "production").generation
    scene.registry.annotate("m:1.0.0", "mine", commit_id=f"guard-production-{generation}")
    scene.figures["2.0.0"] = BAD
    (report,) = scene.look(scene.guard(breaches=1))
    assert report.outcome == "breached"
    assert "used for something else" in report.reason


def test_two_guards_roll_back_once(tmp_path: Path) -> None:
    """On two machines, with caches of their own, each with other rules: the second finds the first one's commit."""
    registry = filled(tmp_path / "registry", "1.0.0", "2.0.0", "3.0.0")
    machines = [
        mv.Registry(tmp_path / "registry", cache_dir=tmp_path / str(number), actor=f"guard-{number}")
        for number in range(2)
    ]
    barrier = threading.Barrier(2)

    def read() -> dict[str, float | None]:
        barrier.wait(30)
        return dict(BAD)

    scenes = [Scene(machine, {"3.0.0": read}) for machine in machines]
    guards = [
        scene.guard(rules=f"current.metrics.error_rate <= 0.0{number + 1}", breaches=1)
        for number, scene in enumerate(scenes)
    ]
    found: list[mv.GuardReport] = []
    threads = [
        threading.Thread(target=lambda guard=guard: found.append(guard.run_once())) for guard in guards
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes(found) == ["rolled_back", "rolled_back"]
    assert [report.went_to for report in found] == ["2.0.0", "2.0.0"]
    assert moves(registry) == ["manual", "manual", "manual", "guard"]
    assert registry.verify()


def test_the_streak_outlives_the_process(scene: Scene) -> None:
    """From cron each look is a process of its own; on another machine, and for other rules, it begins anew."""
    scene.figures["2.0.0"] = BAD
    assert [scene.look(scene.guard())[0].streak for _ in range(2)] == [1, 2]
    assert scene.look(scene.guard(rules=[RULE, "current.samples > 0"]))[0].streak == 1
    assert outcomes(scene.look(scene.guard())) == ["rolled_back"]


def test_two_runs_at_the_same_moment_are_one_reading(scene: Scene) -> None:
    """As where cron starts a job twice."""
    scene.figures["2.0.0"] = BAD
    reports = [scene.guard().run_once() for _ in range(5)]
    assert [report.streak for report in reports] == [1] * 5


def test_where_the_cache_can_not_be_used_the_streak_lasts_as_long_as_the_guard(
    scene: Scene, private_cache: Path, tmp_path: Path
) -> None:
    """And the report says so."""
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    registry = filled(tmp_path / "registry", "1.0.0", "2.0.0")
    scene = Scene(registry, {"1.0.0": GOOD, "2.0.0": BAD})
    registry._session.cache = blocked
    guard = scene.guard(record=False)
    reports = scene.look(guard, 3)
    assert [report.streak for report in reports] == [1, 2, 3]
    assert "the streak is not kept" in reports[0].notes[0]
    assert reports[-1].outcome == "rolled_back"


@pytest.mark.parametrize(
    "damage", [b"", b"\xff", b"[]", b'{"generation":5,"breached":-1}', b'{"generation":5,"last":"never"}']
)
def test_a_damaged_streak_is_none(scene: Scene, damage: bytes) -> None:
    """What somebody wrote into the cache rolls nothing back."""
    scene.figures["2.0.0"] = BAD
    guard = scene.guard()
    scene.look(guard, 2)
    memory = guard._memory
    assert memory is not None
    memory._database.put({memory._key: damage})
    assert scene.look(guard)[0].streak == 1


def test_a_clock_that_jumps_rolls_nothing_back(scene: Scene) -> None:
    """Forward: nothing is there to be read. Back: a new streak. A day without a reading: likewise."""
    scene.figures["2.0.0"] = BAD
    guard = scene.guard()
    scene.look(guard, 2)
    scene.ahead -= timedelta(minutes=8)
    assert scene.look(guard)[0].streak == 1
    scene.ahead += timedelta(days=2)
    assert scene.look(guard)[0].streak == 1


def test_a_guard_never_returns_to_what_a_guard_left(scene: Scene) -> None:
    """Production moves at most once for each time that somebody moved it: flapping is zero by construction."""
    registry = filled(f"memory://{uuid.uuid4().hex}", "1.0.0", "2.0.0", "3.0.0")
    scene = Scene(registry, {"1.0.0": BAD, "2.0.0": BAD, "3.0.0": BAD})
    guard = scene.guard(rules="current.metrics.error_rate <= 0.05", breaches=1, cooldown=0, settle=0)
    reports = scene.look(guard, 10)
    assert [report.went_to for report in reports[:2]] == ["2.0.0", "1.0.0"]
    assert set(outcomes(reports[2:])) == {"nothing_to_go_back_to"}
    assert moves(registry)[3:] == ["guard", "guard"]


def test_what_it_saw_goes_on_record(scene: Scene) -> None:
    """At a breach, and once in a period, beside the offline metrics and apart from parts of datasets."""
    guard = scene.guard(record_every="1h")
    scene.begin_of(timedelta(hours=1))
    scene.look(guard, 3)
    (evaluation,) = scene.registry.status("m:2.0.0").evaluations
    (metric,) = evaluation.metrics
    assert (metric.name, metric.value, metric.dataset, metric.slice, metric.count) == (
        "error_rate",
        0.01,
        "production",
        "window=5m",
        1000,
    )
    scene.ahead += timedelta(hours=1)
    scene.look(guard)
    scene.figures["2.0.0"] = BAD
    scene.look(guard, 3)
    values = [each.metrics[0].value for each in scene.registry.status("m:2.0.0").evaluations]
    assert values == [0.01, 0.01, 0.1]
    assert len(scene.registry.status("m:1.0.0").evaluations) == 2
    scene.registry.set_policy(
        "m", {"require": {"alias": {"canary": {"rules": ["slices.all(s, s.f1 > 0.5)"]}}}}
    )
    scene.registry.record_metrics("m:2.0.0", {"f1": 0.9}, dataset="eval", slice="region=EU")
    assert scene.registry.promote("m:2.0.0", to="canary").moved, "a window is no part of a dataset"
    assert scene.look(scene.guard(record=False, breaches=1), 1)[0].outcome == "waiting"


def test_each_guard_records_its_own_figures_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """The same guard on another machine records nothing more; one of other figures does; what fails is told."""
    scene.begin_of(timedelta(days=1))
    scene.look(scene.guard(), 1)
    scene.figures["2.0.0"] = {**GOOD, "error_rate": 0.011}
    assert scene.guard().run_once().notes == ()
    scene.figures["2.0.0"] = {"latency": 0.2, "samples": 1000}
    scene.guard(rules="current.metrics.latency <= 0.3").run_once()
    figures = [each.metrics[0] for each in scene.registry.status("m:2.0.0").evaluations]
    assert [(metric.name, metric.value) for metric in figures] == [("error_rate", 0.01), ("latency", 0.2)]
    later = scene.clock() + timedelta(days=2)
    full = Shaky(scene.registry, unrecordable=mv.StoreError("the disk is full"))
    report = scene.guard(full, rules="current.metrics.latency <= 0.3", clock=lambda: later).run_once()
    assert report.outcome == "ok"
    assert report.notes == ("the figures were not recorded: the disk is full",)
    assert "the disk is full" in caplog.text


def test_a_guard_that_is_killed_after_the_rollback_records_later(scene: Scene) -> None:
    """And one that is killed before it rolls back once: every step can be repeated."""
    scene.figures["2.0.0"] = BAD

    with pytest.raises(KeyboardInterrupt):
        scene.guard(Shaky(scene.registry, dies=True), breaches=1).run_once()
    assert moves(scene.registry)[-1] == "guard"
    scene.look(scene.guard(), 2)
    assert [each.metrics[0].value for each in scene.registry.status("m:2.0.0").evaluations] == [0.1]
    assert [each.metrics[0].value for each in scene.registry.status("m:1.0.0").evaluations] == [0.01]
    assert moves(scene.registry).count("guard") == 1


def test_a_baseline_that_is_no_longer_kept_comes_from_the_record(scene: Scene) -> None:
    """Prometheus forgets after weeks; what a guard recorded of the version while it served is still there."""
    registry = scene.registry
    scene.look(scene.guard())
    registry.register("m", {"w.bin": b"3"}, version="3.0.0", capture=False)
    registry.set_alias("m", "production", "3.0.0")
    scene.figures = {"3.0.0": BAD}
    (report,) = scene.look(scene.guard(breaches=1))
    assert report.outcome == "rolled_back"
    assert [(each.version, each.values) for each in report.baseline] == [("2.0.0", {"error_rate": 0.01})]


def test_another_aliass_record_is_no_baseline(scene: Scene) -> None:
    """A load test's figures are no measure of production; without others the guard is blind."""
    registry = scene.registry
    registry.set_alias("m", "staging", "2.0.0")
    rule = "current.metrics.error_rate <= 0.05"
    mv.Guard(registry, "m", "staging", rules=rule, read=scene.read, clock=scene.clock, settle=0).run_once()
    assert registry.status("m:2.0.0").evaluations
    registry.register("m", {"w.bin": b"3"}, version="3.0.0", capture=False)
    registry.set_alias("m", "production", "3.0.0")
    scene.figures = {"3.0.0": BAD}
    (report,) = scene.look(scene.guard())
    assert (report.outcome, report.baseline) == ("unreadable", ())


def test_the_record_of_a_breach_is_no_baseline(scene: Scene) -> None:
    """It is of one bad hour, also on the other side."""
    scene.figures["2.0.0"] = BAD
    scene.look(scene.guard(breaches=1))
    assert scene.registry.status("m:1.0.0").evaluations
    scene.registry.set_alias("m", "production", "2.0.0")
    del scene.figures["1.0.0"]
    (report,) = scene.look(scene.guard())
    assert (report.outcome, report.baseline) == ("unreadable", ())


def test_offline_metrics_can_be_the_baseline(scene: Scene) -> None:
    """What was published, and what was recorded of a dataset."""
    registry = scene.registry
    registry.record_metrics("m:2.0.0", {"f1": 0.9}, dataset="eval")
    registry.record_metrics("m:2.0.0", {"f1": 0.7}, dataset="hard")
    rules = ['current.metrics.f1 >= metric("f1", "eval") - 0.05']
    scene.figures["2.0.0"] = {"f1": 0.84, "samples": 1000}
    (report,) = scene.look(scene.guard(rules=rules, breaches=1, dry_run=True))
    assert (report.outcome, report.went_to) == ("breached", "1.0.0")
    (report,) = scene.look(scene.guard(rules="current.metrics.f1 >= baseline.metrics.f1", baseline="offline"))
    assert report.outcome == "unreadable"
    assert 'say metric("f1", "eval")' in report.reason
    registry.record_metrics("m:2.0.0", {"auc": 0.9}, dataset="eval")
    scene.figures["2.0.0"] = {"auc": 0.95, "samples": 1000}
    (report,) = scene.look(
        scene.guard(rules="current.metrics.auc >= baseline.metrics.auc", baseline="offline")
    )
    assert report.outcome == "ok"
    assert report.baseline[0].window == "offline"


def test_rules_over_several_windows(scene: Scene) -> None:
    """Each is read by itself: a slow burn shows in the long one."""
    rule = 'current.windows["1h"].metrics.error_rate <= 0.05 && current.metrics.error_rate <= 0.2'
    (report,) = scene.look(scene.guard(rules=rule))
    assert report.outcome == "ok"
    assert [window.name for _, window in scene.asked] == ["1h", "5m"]
    assert [each.window for each in report.current] == ["1h", "5m"]


def test_a_dry_run_changes_nothing(scene: Scene) -> None:
    """It says where it would go, and records nothing."""
    scene.figures["2.0.0"] = BAD
    reports = scene.look(scene.guard(dry_run=True, breaches=2), 3)
    assert outcomes(reports) == ["breached"] * 3
    assert [report.went_to for report in reports] == ["", "1.0.0", "1.0.0"]
    assert len(scene.registry.history("m")) == 5


def test_a_dry_run_leaves_it_to_others_to_record_an_earlier_breach(scene: Scene) -> None:
    """Also where the guard that rolled back recorded nothing."""
    scene.figures["2.0.0"] = BAD
    scene.look(scene.guard(record=False, breaches=1))
    before = scene.registry.history("m")
    scene.look(scene.guard(dry_run=True, breaches=1))
    assert scene.registry.history("m") == before
    assert not scene.registry.status("m:2.0.0").evaluations


def test_a_report_shows_itself(scene: Scene) -> None:
    """As text, JSON and HTML, with what strangers wrote escaped."""
    scene.figures["2.0.0"] = {"error_rate": 0.1, "<b>": 1.0, "samples": 1000}
    (report,) = scene.look(scene.guard(breaches=1))
    data = report.to_dict()
    assert (data["outcome"], data["ok"], data["went_to"]) == ("rolled_back", False, "1.0.0")
    assert "2.0.0 over 5m: error_rate 0.1, <b> 1 of 1,000 samples" in str(report)
    assert "&lt;b&gt;" in report.html()
    assert report._repr_html_() == report.html()
    assert "<b>" not in report.html()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"rules": []}, "a guard needs rules"),
        ({"rules": "current.f1 > 0.9"}, "Write current.metrics.f1"),
        ({"rules": "current > 0.9"}, "current alone"),
        ({"rules": "metrics.f1 > 0.9"}, "Write such as current.metrics.f1"),
        ({"rules": "baseline.samples > 3"}, "says nothing of the version that is served"),
        ({"rules": 'current.windows["60m"].samples > 3'}, 'Write "1h"'),
        ({"rules": "current.windows.x > 3"}, "windows without a length"),
        ({"rules": [f"current.metrics.a > {number}.0" for number in range(40)]}, "too many rules"),
        (
            {"rules": " || ".join(f'current.windows["{n}m"].samples > 1' for n in range(1, 12))},
            "too many windows",
        ),
        ({"rules": "current.metrics.f1 => 0.9"}, "Write >="),
        ({"baseline": "nothing"}, "not a baseline"),
        ({"window": "0s"}, "not a length of time"),
        ({"window": "5 minutes"}, "not a length of time"),
        ({"window": 0.5}, "not a length of time"),
        ({"cooldown": -1}, "not a length of time"),
        ({"breaches": 0}, "not a count"),
        ({"clear": True}, "not a count"),
        ({"min_samples": -1}, "not a count"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_before_anything_is_watched(
    scene: Scene, options: dict[str, object], told: str
) -> None:
    """With what to write instead."""
    with pytest.raises(mv.InvalidValue, match=r".") as refused:
        scene.guard(**options)
    assert told in str(refused.value)


class Impatient(threading.Event):
    """Does not wait."""

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002 (the signature of events)
        """Tell at once whether it is set."""
        return self.is_set()


def test_a_loop_goes_on_through_faults_and_ends_when_told(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """The registry may be down for a while, and damaged; it is told, and it goes on."""
    stop, seen = Impatient(), []
    faults = [None, Offline("down"), mv.LogTampered("damaged"), mv.NotFound("gone"), None]
    start = datetime.now(UTC) + timedelta(hours=1)

    def told(report: mv.GuardReport) -> None:
        seen.append(report.outcome)
        if len(seen) == 5:
            stop.set()

    guard = scene.guard(Shaky(scene.registry, faults), clock=lambda: start, record=False)
    with caplog.at_level(logging.WARNING, "modelver"):
        guard.run(60, stop, on_report=told)
    assert seen == ["ok", "unreadable", "unreadable", "unreadable", "ok"]
    assert "the registry can't be read: down" in caplog.text


def test_a_wrong_name_is_told_at_once(scene: Scene) -> None:
    """A guard of nothing would be quiet for ever."""
    with pytest.raises(mv.NotFound, match="no such alias"):
        mv.Guard(scene.registry, "m", "prod", rules=RULE, read=scene.read).run()
    with pytest.raises(mv.InvalidName):
        mv.Guard(scene.registry, "m", "Not An Alias", rules=RULE, read=scene.read)


def test_a_guard_works_by_the_real_clock(tmp_path: Path) -> None:
    """Without a clock of its own it takes the time that it is."""
    registry = filled(tmp_path / "registry", "1.0.0", "2.0.0")
    rule = "current.metrics.error_rate <= 0.05"
    guard = mv.Guard(registry, "m", "production", rules=rule, read=lambda *_: BAD, settle=0, breaches=1)
    assert "1 rule" in repr(guard)
    assert guard.run_once().outcome == "rolled_back"


@pytest.mark.parametrize("text", ["90", "90s"])
def test_a_length_of_time_without_a_unit_is_seconds(text: str) -> None:
    """As with the other verbs that look again and again."""
    assert parse_length(text, "settle").total_seconds() == 90
