"""Tests of the explorer in a notebook: the same page over the messages of a widget."""

import json
import re
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from explorer.pages import ends, exhibit


pytest.importorskip("anywidget")
from outrange.explorer import app_files
from outrange.explorer.widget import ExplorerWidget


pytestmark = pytest.mark.wallclock


def test_a_widget_answers_like_a_page(monkeypatch):
    messages, done = [], threading.Event()

    def send(_, content):
        messages.append(json.loads(content["text"]))
        if messages[-1].get("stage") == "done":
            done.set()

    monkeypatch.setattr(ExplorerWidget, "send", send)
    open_ = SimpleNamespace(send=lambda *_, **__: None)
    monkeypatch.setattr(ExplorerWidget, "comm", open_)
    widget = ExplorerWidget(exhibit())
    widget._receive(None, {"text": "hello"}, [])
    assert messages[0]["say"] == "hello"
    for content in (None, "x", {}, {"text": 3}, {"text": "{"}):
        widget._receive(None, content, [])
        assert messages[-1]["say"] == "error"
    widget._receive(None, {"text": json.dumps({"ask": "range", "id": 1, **ends(-1, 1)})}, [])
    assert done.wait(60)
    widget._page.close()


def test_one_module_holds_the_whole_front_end():
    text = app_files.bundle()
    assert "import " not in [line[:7] for line in text.splitlines()]
    assert text.count("export") == 1
    names = re.findall(r"^(?:const|let|class|function) (\w+)", text, re.MULTILINE)
    assert len(names) == len(set(names)) > 10
    assert "export default" in text
    for name in app_files.MODULES:
        assert (app_files.STATIC / f"{name}.js").exists()


def test_explore_takes_what_other_questions_take():
    import keras

    import outrange

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    widget = outrange.explore(model, (np.zeros(2), np.ones(2)))
    widget.close()
    with pytest.raises(outrange.InputError, match="lo <= hi"):
        outrange.explore(model, (1, 0))


def test_a_page_that_is_not_live_is_told_what_it_misses(monkeypatch):
    open_ = SimpleNamespace(comm_id="1", send=lambda *_, **__: None)
    monkeypatch.setattr(ExplorerWidget, "comm", open_)
    widget = ExplorerWidget(exhibit())
    data, _ = widget._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "live notebook" in data["text/plain"] and "live notebook" in data["text/html"]
    widget._page.close()
