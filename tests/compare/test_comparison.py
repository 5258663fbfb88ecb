"""A comparison as a value: for people, for programs, in a notebook."""

import json
import sys
from html.parser import HTMLParser

import attrs
import numpy as np
import pandas as pd
import pytest

from modelver.compare import Comparison, Side, compare
from modelver.errors import InvalidValue
from modelver.values.file import FileEntry, Role
from modelver.values.filemap import FileMap, Range, Tensor
from modelver.values.provenance import Environment, Provenance
from modelver.values.record import Dataset, Metadata, Metric
from tests.compare.support import described, side, weights

ONES = np.ones((2, 3), "float32")
A = side(
    {
        "model.safetensors": weights(w=ONES, v=ONES, old=ONES, r=ONES),
        "config.json": b"{}",
        "prompts/system.txt": b"Hi {user}",
    },
    version="1.2.0",
    metadata=Metadata(
        license="mit",
        params={"lr": 0.1},
        metrics=[Metric("f1", 0.9, "eval-v3"), Metric("frames", 1457), Metric("loss", 0.25)],
        data=[Dataset("train", digest=f"sha256:{'a' * 64}", method="content")],
    ),
    provenance=Provenance(environment=Environment("3.11", "CPython", "Linux", "x86_64", {"numpy": "1.26"})),
)
B = side(
    {
        "model.safetensors": weights(w=2 * ONES, v=ONES, new=ONES, r=ONES.astype("int8").ravel()),
        "config.json": b"{}",
        "prompts/system.txt": b"Hi {name}",
        "model.pt": b"",
    },
    version="1.3.0",
    metadata=Metadata(
        license="mit",
        params={"lr": 0.2},
        metrics=[Metric("f1", 0.912, "eval-v3"), Metric("frames", 1399), Metric("loss", 0.5)],
        data=[Dataset("train", digest=f"sha256:{'b' * 64}", method="content")],
    ),
    provenance=Provenance(environment=Environment("3.12", "CPython", "Linux", "x86_64", {"numpy": "2.0"})),
)
HOSTILE = "<script>alert(1)</script>\"'&\x1b[2J\u202e\ud800"

SHOWN = """\
acme/fraud:1.2.0 -> acme/fraud:1.3.0

components
  component    is       why
  weights      changed  files: 1 changed, 1 added
  config       same     1 file of the same bytes
  prompts      changed  files: 1 changed
  data         changed  train: other digest
  code         unknown  no commit recorded
  environment  changed  python 3.11 -> 3.12, 1 package

metrics: 1 better, 1 worse
  metric        a      b      delta
  f1 (eval-v3)  0.9    0.912  +0.012  better
  frames        1,457  1,399  -58
  loss          0.25   0.5    +0.25   worse

files: 2 changed, 1 added, 1 unchanged
  file                change   role     size              sha256
  model.safetensors   changed  weights  336 B -> 318 B    {weights}
  prompts/system.txt  changed  prompt   9 B               {prompt}
  model.pt            added    weights  0 B               e3b0c44298fc

tensors: 1 changed, 1 added, 1 removed, 1 reshaped, 1 retyped, 1 unchanged; parameters 24
  file               tensors                                                             of these single values
  model.safetensors  1 changed, 1 added, 1 removed, 1 reshaped, 1 retyped, 1 unchanged
  model.pt           not known

tensors that differ, the largest first
  tensor  change             type             shape       file
  w       changed            float32          2 x 3       model.safetensors
  r       reshaped, retyped  float32 -> int8  2 x 3 -> 6  model.safetensors
  new     added              float32          2 x 3       model.safetensors
  old     removed            float32          2 x 3       model.safetensors

metadata: 2 changed
  field              a                    b
  data.train.digest  sha256:aaaaaaaaaaaa  sha256:bbbbbbbbbbbb
  params.lr          0.1                  0.2

environment: 2 changed
  field           a     b
  packages.numpy  1.26  2.0
  python          3.11  3.12

prompts
  prompt  variables added  removed
  system  name             user
"""


def words(text: str) -> list[str]:
    """Return a text's lines with single spaces."""
    return [" ".join(line.split()) for line in text.splitlines()]


def test_the_plain_text_says_what_a_person_wants_to_know() -> None:
    """The text of a whole comparison, table by table."""
    digests = {
        name: " -> ".join(entry.sha256[:12] for one in (A, B) if (entry := one.manifest.file(path)))
        for name, path in (("weights", "model.safetensors"), ("prompt", "prompts/system.txt"))
    }
    assert words(str(compare(A, B))) == words(SHOWN.format(**digests))


def test_a_representation_is_one_line() -> None:
    """A comparison in a list or a debugger takes little room."""
    assert repr(compare(A, B)) == "<Comparison acme/fraud:1.2.0 -> acme/fraud:1.3.0: different>"
    assert repr(compare(A, A)) == "<Comparison acme/fraud:1.2.0 -> acme/fraud:1.2.0: identical>"


def test_the_dictionary_has_the_promised_keys() -> None:
    """Names of the keys are fixed by the design; the data is JSON."""
    found = compare(A, B).to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert {"files", "components", "metadata", "metrics", "tensors"} <= found.keys()
    tensors = found["tensors"]
    assert isinstance(tensors, dict)
    lists = ("changed", "added", "removed", "reshaped", "retyped")
    assert {kind: [row["name"] for row in tensors[kind]] for kind in lists} == {
        "changed": ["w"],
        "added": ["new"],
        "removed": ["old"],
        "reshaped": ["r"],
        "retyped": ["r"],
    }
    assert tensors["unchanged"] == 1
    assert tensors["reshaped"][0] == {
        "file": "model.safetensors",
        "name": "r",
        "a": {"dtype": "float32", "shape": [2, 3], "elements": 6},
        "b": {"dtype": "int8", "shape": [6], "elements": 6},
    }
    assert found["components"]["weights"] == {
        "status": "changed",
        "reason": "files: 1 changed, 1 added",
        "details": [],
    }
    assert found["metrics"][0] == {
        "name": "f1",
        "dataset": "eval-v3",
        "slice": "",
        "a": 0.9,
        "b": 0.912,
        "delta": 0.912 - 0.9,
        "better": True,
    }
    assert found["metadata"][1] == {"field": "params.lr", "a": 0.1, "b": 0.2}
    assert found["prompts"] == [{"prompt": "system", "a": ["user"], "b": ["name"]}]
    assert (found["a"], found["digests"]) == ("acme/fraud:1.2.0", {"a": str(A.digest), "b": str(B.digest)})


def test_the_table_has_metrics_and_tensors() -> None:
    """Pandas gets a row for each metric and each tensor that differs, with types to compute with."""
    frame = compare(A, B).to_frame()
    assert list(frame.name) == ["f1", "frames", "loss", "w", "new", "old", "r"]
    assert frame.set_index("name").change.to_dict() == {
        "f1": "changed",
        "frames": "changed",
        "loss": "changed",
        "w": "changed",
        "new": "added",
        "old": "removed",
        "r": "reshaped, retyped",
    }
    assert frame[frame.better.fillna(value=False)].name.tolist() == ["f1"]
    assert frame.delta.sum() == pytest.approx(0.012 - 58 + 0.25)
    assert frame[frame.kind == "tensor"].elements_a.sum() == 18
    assert frame.loc[6, ["dtype_b", "shape_b"]].tolist() == ["int8", (6,)]


def test_an_empty_table_has_the_same_columns() -> None:
    """Nothing to compare is no special case for a notebook."""
    nothing = compare(side({"f": b""}), side({"f": b""})).to_frame()
    pd.testing.assert_series_equal(
        nothing.dtypes[["a", "better"]], compare(A, B).to_frame().dtypes[["a", "better"]]
    )
    assert (len(nothing), list(nothing)) == (0, list(compare(A, B).to_frame()))


def test_a_table_without_pandas_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pandas is an extra."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InvalidValue, match=r'pip install "modelver\[notebook\]"'):
        compare(A, B).to_frame()


def numbered(version: Side, number: str, **more: object) -> Side:
    """Return the same content under another number."""
    manifest = attrs.evolve(version.manifest, version=number, **more)
    return attrs.evolve(version, manifest=manifest, digest=manifest.digest)


def test_the_same_weights_under_two_numbers_are_pointed_out() -> None:
    """Equal weights files, whatever their names, catch a release that was built from the wrong checkpoint."""
    notice = "The weights are the same bytes under two numbers."
    other = side({"new.safetensors": weights(w=ONES)}, version="2.0.0")
    found = compare(side({"model.safetensors": weights(w=ONES)}), other)
    assert (found.same_weights, found.identical) == (True, False)
    assert notice in str(found)
    assert notice in found._repr_html_()
    assert not compare(A, B).same_weights
    assert notice not in str(compare(A, B))


def test_no_weights_are_not_the_same_weights() -> None:
    """Two versions without weights have nothing in common."""
    assert not compare(side({"f": b"1"}), side({"f": b"2"})).same_weights


def test_the_same_content_under_two_numbers_is_identical() -> None:
    """Number and changelog are no content, and metadata is."""
    found = compare(A, numbered(A, "1.2.1"))
    assert found.identical
    assert "The content is the same under two numbers: files and metadata." in str(found)
    assert not compare(A, numbered(A, "1.2.1", metadata=Metadata())).identical
    assert "This is one version, compared with itself." in str(compare(A, A))


class Tags(HTMLParser):
    """Gathers the tags of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 (HTMLParser passes it)
        """Take one tag."""
        self.tags.add(tag)


def hostile(digit: str) -> Comparison:
    """Compare two versions in which all names are hostile, and were not checked by a parser."""
    sides = []
    for side_digit in ("0", digit):
        tensors = (
            Tensor(f"{HOSTILE}{side_digit}", HOSTILE, (1,), 0, 1),
            Tensor(HOSTILE, "uint8", (2**70,), 1, 1, file=HOSTILE),
        )
        entry = FileEntry("m.onnx", 2, side_digit * 64, Role.WEIGHTS)
        name = HOSTILE.replace("\ud800", side_digit)
        metadata = Metadata(
            license=name,
            params={name: name},
            tags={name: name},
            metrics=[Metric(name, 1, name, name)],
            data=[Dataset(name, digest=name)],
        )
        environment = Environment(name, name, name, name, {name: "1"}, (name,))
        made = described(
            [entry, FileEntry("p", 1, side_digit * 64, Role.PROMPT)],
            {"m.onnx": FileMap(2, (Range(0, 1, side_digit), Range(1, 1, "b")), "onnx", tensors)},
            metadata=metadata,
            provenance=Provenance(environment=environment),
            prompts={"p": f"{{x{side_digit}}}"},
        )
        sides.append(attrs.evolve(made, name=name))
    return compare(*sides)


def test_hostile_names_are_escaped_in_a_notebook() -> None:
    """No name becomes a tag, and no colour is set that a theme could not read."""
    page = hostile("1")._repr_html_()
    assert "<script" not in page
    assert Tags(page).tags == {"div", "strong", "span", "table", "thead", "tbody", "tr", "th", "td", "code"}
    assert "background" not in page
    page.encode()


def test_hostile_names_do_not_reach_a_terminal() -> None:
    """What a terminal would obey is spelled out."""
    text = str(hostile("1"))
    assert all(line.isprintable() for line in text.splitlines())
    assert "\\x1b[2J\\u202e" in text
    assert repr(hostile("1")).isprintable()


def test_hostile_shapes_do_not_break_the_table() -> None:
    """A made-up header may speak of more elements than a table's integer holds."""
    assert hostile("1").to_frame().elements_a.max() == 2**53


def test_long_lists_are_cut_and_counted() -> None:
    """A person gets the largest tensors and the number of the others, a program gets all."""
    a = side({"m.safetensors": weights(**{f"t{index:03}": np.ones(index + 1) for index in range(200)})})
    b = side({"m.safetensors": weights(**{f"t{index:03}": np.zeros(index + 1) for index in range(200)})})
    found = compare(a, b)
    assert "... and 188 more" in str(found)
    assert "... and 175 more" in found._repr_html_()
    assert len(str(found).splitlines()) < 40
    assert " t199 " in str(found)
    assert len(found.tensors.to_dict()["changed"]) == 200


def test_large_and_small_numbers_stay_readable() -> None:
    """Whole numbers are grouped, others have six digits."""
    values = (1_457_000, 0.123456789, 1e300)
    one = side(
        {"f": b""}, metadata=Metadata(metrics=[Metric(f"m{i}", value) for i, value in enumerate(values)])
    )
    lines = [
        line.split()
        for line in str(compare(one, one)).splitlines()
        if line.startswith("  m") and "metric" not in line
    ]
    assert [line[1] for line in lines] == ["1,457,000", "0.123457", "1e+300"]
