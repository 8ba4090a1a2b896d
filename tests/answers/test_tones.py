"""Tests of colors: green only for good news, and no share rounded up to all."""

import dataclasses
import re

import numpy as np
import pytest

import outrange
from answers.record_cases import CASES
from outrange.reports.answered import answered_section


@pytest.fixture(scope="module")
def pyplot():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def accuracy(**counts):
    """Return a record with a given number of inputs of each status."""
    status = np.array([name for name, n in counts.items() for _ in range(n)], dtype=object)
    accuracies = (
        record for record in CASES.values() if isinstance(record, outrange.answers.RobustAccuracy)
    )
    plain = next(record for record in accuracies if record.adversarial)
    (example, *_) = plain.adversarial.values()
    return dataclasses.replace(
        plain, status=status.astype(str), x=np.zeros((len(status), 2)),
        labels=np.zeros(len(status), int), seconds=np.zeros(len(status)), complete=True,
        adversarial=dict.fromkeys(np.flatnonzero(status == "broken").tolist(), example),
    )  # fmt: skip


@pytest.mark.parametrize(("counts", "tone"), [
    ({"robust": 9}, "good"), ({"robust": 9, "broken": 1}, "bad"), ({"broken": 2, "open": 1}, "bad"),
    ({"robust": 9, "open": 1}, "open"), ({"robust": 9, "wrong": 1}, ""), ({"wrong": 3}, "bad"),
], ids=str)  # fmt: skip
def test_a_robust_accuracy_is_green_only_where_all_stays_right(counts, tone):
    assert accuracy(**counts).document().tone == tone


def test_an_input_that_breaks_the_property_itself_is_bad_news():
    records = [
        record for record in CASES.values() if isinstance(record, outrange.answers.Robustness)
    ]
    tones = {record.document().tone for record in records if record.status == "broken"}
    assert tones == {"bad"}


def test_nothing_found_is_good_news_only_where_all_was_looked_at(pyplot):
    plain = next(
        record for record in CASES.values() if isinstance(record, outrange.answers.Diagnosis)
    )
    clean = dataclasses.replace(plain, findings=(), notes=(), unread=())
    part = dataclasses.replace(clean, unread=("layer `odd`",))
    assert clean.document().tone == "good" and part.document().tone == "open"
    assert "1 not checked" in str(part) and "✓" in clean.plot().texts[0].get_text()
    ax = part.plot()
    assert "✓" not in ax.texts[0].get_text()
    assert "not checked" in ax.figure.get_suptitle()
    pyplot.close("all")


@pytest.mark.parametrize("counts", [
    {"robust": 2999, "broken": 1}, {"robust": 2999, "open": 1}, {"wrong": 1, "robust": 2999},
], ids=str)  # fmt: skip
def test_no_share_is_rounded_up_to_all(counts, pyplot):
    record = accuracy(**counts)
    texts = [str(record), record.html(), record.plot_shares().figure.get_suptitle()]
    texts.append(answered_section("robustness", [record]).outcome)
    if "open" not in counts:
        assert not any("100.0%" in item.replace("accuracy 100.0%", "") for item in texts)
    assert all("2,999" in item and "of 3,000" in " ".join(item.split()) for item in texts)
    rare = min(counts, key=lambda name: counts[name])
    assert re.search(rf"{rare} +1 +<0.1%", str(record))
    pyplot.close("all")
