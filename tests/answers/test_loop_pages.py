"""Tests of the page of a loop: it is self-contained, and draws the answer."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from answers.loop_cases import loops
from outrange import ControlLoop, InputError, avoid, closed_loop, within


GOLDEN = Path(__file__).parent / "golden"


def page_of(tmp_path, **more):
    answer = closed_loop(
        ControlLoop(
            lambda x: [-0.5 * x[0] - x[1]],
            lambda x, u: [x[0] + 0.2 * x[1], x[1] + 0.2 * u[0]],
            ([0.8, 0.0], [1.0, 0.2]),
            names=["</script><b>", "speed"],
        ),
        steps=6,
        **more,
    )
    answer.page(tmp_path / "pipe.html")
    text = (tmp_path / "pipe.html").read_text("utf-8")
    data = re.search(r'id="pipe">(.*?)</script>', text).group(1)
    return answer, text, json.loads(data)


def test_a_page_tells_the_pipe(tmp_path):
    answer, text, data = page_of(tmp_path, spec=within(-0.7, 1.2).at(6) & avoid([2, None], [3, 1]))
    assert answer.status == "HOLDS" and "HOLDS" in text
    assert np.allclose(data["lo"], answer.pipe.lo) and np.allclose(data["hi"], answer.pipe.hi)
    assert data["states"][0] == "</script><b>" and "</script><b>" not in text
    assert [zone["bad"] for zone in data["zones"]] == [False, True]
    assert data["zones"][1]["lo"] == [2.0, None] and data["worst"] == []
    outside = set(re.findall(r"https?://[^\"' <]+", text))
    assert outside <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<script[^>]+src=|<link|@import|innerHTML|eval\(", text)


def test_a_page_tells_what_breaks(tmp_path):
    answer, _, data = page_of(tmp_path, spec=avoid([0.0, None], [0.8, None]))
    (worst,) = data["worst"]
    assert answer.status == "VIOLATED" and worst["step"] == answer.counterexample.step
    assert np.allclose(worst["states"], answer.counterexample.states)


@pytest.mark.parametrize("case", loops())
def test_every_answer_has_a_page(case, tmp_path):
    loops()[case].page(tmp_path / "pipe.html")
    text = (tmp_path / "pipe.html").read_text("utf-8")
    data = re.search(r'id="pipe">(.*?)</script>', text).group(1)
    assert set(json.loads(data)) >= {"lo", "hi", "runs", "zones"} and "Infinity" not in data


def round_shapes(ax):
    """Return the polygons, lines and words of a figure, with three digits."""
    polygons = [np.round(p.get_xy()[:4], 3).tolist() for p in ax.patches]
    lines = [np.round(line.get_xydata(), 3).tolist() for line in ax.lines]
    labels = sorted(ax.get_legend_handles_labels()[1])
    return {"polygons": polygons, "lines": lines, "labels": labels}


@pytest.mark.parametrize("case", ["holds", "violated"])
def test_pictures_are_what_they_were(case):
    """`OUTRANGE_GOLDEN=write` rewrites the file, to review what changed."""
    pytest.importorskip("matplotlib").use("Agg")
    answer = loops()[case]
    drawn = {"phase": round_shapes(answer.plot()), "time": round_shapes(answer.plot_times()[0])}
    path = GOLDEN / f"loop_{case}.json"
    if os.environ.get("OUTRANGE_GOLDEN") == "write":
        path.write_text(json.dumps(drawn, indent=0) + "\n")
    assert drawn == json.loads(path.read_text())


def test_a_page_that_cannot_be_written_says_so(tmp_path):
    answer, _, _ = page_of(tmp_path)
    with pytest.raises(InputError, match="written"):
        answer.page(tmp_path / "nowhere" / "pipe.html")
