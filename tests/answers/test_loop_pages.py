"""The page of a loop: it stands alone, and what it draws is the answer."""

import json
import re

import numpy as np
import pytest

from outrange import InputError, avoid, closed_loop, within


def page_of(tmp_path, **more):
    found = closed_loop(
        lambda x: [-0.5 * x[0] - x[1]], lambda x, u: [x[0] + 0.2 * x[1], x[1] + 0.2 * u[0]],
        ([0.8, 0.0], [1.0, 0.2]), steps=6, states=["</script><b>", "speed"], **more,
    )  # fmt: skip
    found.page(tmp_path / "pipe.html")
    text = (tmp_path / "pipe.html").read_text("utf-8")
    data = re.search(r'id="pipe">(.*?)</script>', text).group(1)
    return found, text, json.loads(data)


def test_a_page_tells_the_pipe(tmp_path):
    found, text, told = page_of(tmp_path, spec=within(-0.7, 1.2).at(6) & avoid([2, None], [3, 1]))
    assert found.status == "HOLDS" and "HOLDS" in text
    assert np.allclose(told["lo"], found.pipe.lo) and np.allclose(told["hi"], found.pipe.hi)
    assert told["states"][0] == "</script><b>" and "</script><b>" not in text
    assert [zone["bad"] for zone in told["zones"]] == [False, True]
    assert told["zones"][1]["lo"] == [2.0, None] and told["worst"] == []
    outside = set(re.findall(r"https?://[^\"' <]+", text))
    assert outside <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<script[^>]+src=|<link|@import|innerHTML|eval\(", text)


def test_a_page_tells_what_breaks(tmp_path):
    found, _, told = page_of(tmp_path, spec=avoid([0.0, None], [0.8, None]))
    (worst,) = told["worst"]
    assert found.status == "VIOLATED" and worst["step"] == found.counterexample.step
    assert np.allclose(worst["states"], found.counterexample.states)


def test_a_page_that_cannot_be_written_says_so(tmp_path):
    found, _, _ = page_of(tmp_path)
    with pytest.raises(InputError, match="written"):
        found.page(tmp_path / "nowhere" / "pipe.html")
