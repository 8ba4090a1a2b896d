"""Tests of the live view: it appears in a terminal or a notebook, and nowhere else."""

import inspect
import os
import pty
import select
import signal
import subprocess
import sys
import textwrap
import threading
import time
from operator import attrgetter

import numpy as np
import pytest

import outrange
from cases import cases
from outrange import InputError
from outrange.answers import RangeProgress, RobustProgress, VerifyProgress
from outrange.answers.study.progress import StudyProgress
from outrange.core.progress import Stage, current_listener, report_progress, use_listener
from outrange.live import Display, show_progress, with_progress
from outrange.live.frame import MOST_ROWS, Between, frame
from outrange.live.notebook import view


ONES = np.ones(1)

LONG = (
    "output_range verify monotone gradient_range lipschitz robustness "
    "robust_accuracy compare diagnose summary minimize maximize bad_inputs counterexamples "
    "difference_range extrapolation load report repair"
).split()


class Screen:
    """A screen that records its frames."""

    def __init__(self):
        self.frames, self.closed = [], False

    def show(self, frame):
        self.frames.append(frame)

    def close(self):
        self.closed = True


def wait_for(condition):
    end = time.perf_counter() + 10
    while not condition():
        assert time.perf_counter() < end
        time.sleep(0.01)


@pytest.mark.parametrize("name", LONG)
def test_every_long_question_takes_progress(name):
    ask = attrgetter(name)(outrange)
    parameter = inspect.signature(ask).parameters["progress"]
    assert parameter.default is None
    with pytest.raises(InputError, match="progress"):
        ask(None, progress=3)


def test_100_percent_is_never_said_too_early():
    def range_frame(lo, hi, seen_lo, seen_hi, count=1):
        ends = (np.tile(v * ONES, count) for v in (lo, hi, seen_lo, seen_hi))
        names = tuple("abcdefghijklmnopqrstuvwxyz"[:count])
        news = {RangeProgress: RangeProgress(1.0, 5, *ends, 3), Stage: Stage("", names)}
        return frame("Output range", 1.0, news)

    assert "99.9999 %" in range_frame(-1, 1, -0.99999999, 0.99999999).rows[0].text
    assert "100.0" in range_frame(-1, 1, -1, 1).rows[0].text
    assert "0.0 %" in range_frame(-np.inf, 1, -1, 1).rows[0].text
    many = range_frame(-1, 1, -1, 1, 20)
    assert len(many.rows) == MOST_ROWS and "12 others" in many.foot
    assert "5 boxes, 3 open" in many.head and many.rows[0].name == "a"


def test_every_kind_of_progress_has_a_view():
    kinds = {
        "0 decides": VerifyProgress(1.0, 5, -0.5, 0.25, 3),
        "4 of 10 inputs": RobustProgress(1.0, 10, 2, 1, 1, 0),
        "epoch 5 of 10": StudyProgress(0.1, 5, 10, "accuracy", (("tanh, sgd", 1.0, 0.5, 1.0),)),
        "between 0.5 and 0.75": Between(0.5, 0.75),
    }
    for told, news in kinds.items():
        shown = frame("Title", 3.0, {type(news): news})
        assert told in str(shown) and shown.head.startswith("Title  3 s")
        assert len(shown.rows) <= MOST_ROWS and max(map(len, (shown.head, shown.foot))) <= 100
    assert frame("Title", 3.0, {Stage: Stage("reading the model")}).head.endswith("the model")


@pytest.mark.parametrize(
    ("margin", "nearest", "foot"),
    [
        (-0.5, 0.25, "proved margin -0.5, nearest point 0.25 (0 decides it)"),
        (-np.inf, 0.25, "nearest point 0.25 (0 decides it)"),
        (-0.5, np.inf, "proved margin -0.5 (0 decides it)"),
        (-np.inf, np.inf, ""),
    ],
)
def test_a_margin_that_is_not_known_is_not_shown(margin, nearest, foot):
    news = VerifyProgress(1.0, 5, margin, nearest, 3)
    assert frame("Title", 3.0, {VerifyProgress: news}).foot == foot
    assert news.margin == (None if margin == -np.inf else margin)


def test_a_page_escapes_names():
    news = {
        RangeProgress: RangeProgress(1.0, 5, -ONES, ONES, -ONES, ONES, 3),
        Stage: Stage("<script>", ("<b>",)),
    }
    html = view(frame("<i>", 1.0, news))
    assert "<script>" not in html and "<b>" not in html and "<i>" not in html
    assert '<progress value="1.0000" max="1" aria-label="&lt;b&gt;">' in html


@pytest.mark.wallclock
def test_a_display_begins_after_its_patience_and_is_gone():
    screen = Screen()
    with Display("Quick", lambda: screen, patience=60.0) as shown:
        shown(Stage("reading"))
    assert not screen.frames and not screen.closed
    with Display("Slow", lambda: screen, patience=0.3) as shown:
        shown(Stage("reading", ("y",)))
        wait_for(lambda: screen.frames)
        shown(0.5, 0.75)
        assert "between 0.5 and 0.75" in shown.frame().head
        shown(Stage(None, ("z",)))
        assert shown.frame().head.endswith("reading")
    assert screen.closed and "reading" in screen.frames[0].head
    assert not any(thread.name == "outrange-live" for thread in threading.enumerate())


@pytest.mark.wallclock
def test_an_interrupt_ends_the_display():
    screen = Screen()
    with pytest.raises(KeyboardInterrupt):  # noqa: SIM117
        with Display("Slow", lambda: screen, patience=0.0):
            wait_for(lambda: screen.frames)
            raise KeyboardInterrupt
    assert screen.closed


def test_who_asked_hears_and_nobody_else(monkeypatch):
    monkeypatch.setattr("outrange.live.follow.screen", lambda: Screen)
    events = []
    with show_progress("Title", events.append) as hearer:
        assert hearer == events.append and current_listener() is None
    with show_progress("Title", False) as hearer:
        assert hearer is None and current_listener() is None
    with show_progress("Outer", None) as outer:
        assert current_listener() is outer
        with show_progress("Inner", True) as inner:
            assert inner is outer
        with show_progress("Silent", False):
            assert current_listener() is None
    assert current_listener() is None
    report_progress(Stage("nobody hears"))
    with use_listener(events.append):
        report_progress(1)
    assert events == [1]


def test_by_itself_only_the_main_thread_shows_anything(monkeypatch):
    monkeypatch.setattr("outrange.live.follow.screen", lambda: Screen)
    events = []

    def ask():
        with show_progress("Title", None) as hearer:
            events.append(hearer)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert events == [None]


def test_a_question_that_hears_nothing_takes_no_function():
    @with_progress("Title", reports=False)
    def ask(progress=None):
        return progress

    assert ask(progress=True) is None
    with pytest.raises(InputError, match="ask"):
        ask(progress=print)


def large():
    """Write a script with a question that takes seconds, about an ONNX file."""
    return textwrap.dedent("""
        import sys, time, outrange
        answer = outrange.output_range(sys.argv[1], (-1, 1), time_limit=float(sys.argv[2]))
        print(answer.status, flush=True)
    """)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Write a network whose ranges take minutes."""
    pytest.importorskip("onnx")
    from cli.test_commands import save_onnx

    rng, layers = np.random.default_rng(0), []
    for n, m in ((16, 64), (64, 64), (64, 64), (64, 12)):
        layers.append((rng.normal(size=(n, m)), rng.normal(size=m), "Relu" if m == 64 else None))
    path = tmp_path_factory.mktemp("live") / "large.onnx"
    return save_onnx(path, layers, input_shape=(16,))


def in_a_terminal(command, interrupt_when=None):
    """Run with stderr on a terminal; return exit code, stdout and the terminal's input."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=theirs, stdin=subprocess.DEVNULL, env=environment
    )
    os.close(theirs)
    sent, end = b"", time.perf_counter() + 600
    try:
        while time.perf_counter() < end:
            try:
                sent += os.read(ours, 65536) if select.select([ours], [], [], 0.1)[0] else b""
            except OSError:  # Nobody holds the other end any more.
                break
            if interrupt_when and interrupt_when in sent:
                process.send_signal(signal.SIGINT)
                interrupt_when = None
        out = process.communicate(timeout=10)[0].decode()
    finally:
        process.kill()
        os.close(ours)
    return process.returncode, out, sent.decode()


def screen_after(sent):
    """Return what a terminal shows after these characters; only rich's sequences are understood."""
    import re

    lines, row = [""], 0
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", sent):
        code = re.fullmatch(r"\x1b\[([0-9;?]*)([A-Za-z])", part)
        if part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif code and code[2] == "A":
            row -= int(code[1] or 1)
        elif code and code[2] == "K":
            lines[row] = ""
        elif not code and part != "\r":
            lines[row] += part
    return "".join(lines).strip()


@pytest.mark.slow
@pytest.mark.wallclock
def test_a_terminal_shows_the_gaps_and_is_clean_afterwards(model):
    command = [sys.executable, "-c", large(), model, "600"]
    code, out, sent = in_a_terminal(command, interrupt_when=b"and 4 others")
    assert code == 0 and out.strip() == "interrupted"
    assert "Output range" in sent and "known, gap" in sent
    assert screen_after(sent) == ""
    assert sent.count("\x1b[?25l") == sent.count("\x1b[?25h")  # the cursor is there again


@pytest.mark.wallclock
@pytest.mark.slow
def test_ctrl_c_keeps_what_is_known_and_leaves_the_terminal_clean(model):
    command = [sys.executable, "-m", "outrange", "range", model, "--box", "-1", "1"]
    code, out, sent = in_a_terminal(command, interrupt_when=b"known, gap")
    assert code == 130 and "interrupted" in out
    assert screen_after(sent) == ""
    assert sent.count("\x1b[?25l") == sent.count("\x1b[?25h")


@pytest.mark.slow
@pytest.mark.wallclock
def test_nothing_is_printed_where_stderr_is_a_file(model):
    command = [sys.executable, "-c", large(), model, cases("1", "3")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == "" and done.stdout.strip() == "time"
