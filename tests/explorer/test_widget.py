"""The explorer in a notebook: the same session over the messages of a widget."""

import json

import numpy as np
import pytest

from explorer.pages import ends, exhibit


pytest.importorskip("anywidget")
from outrange.explorer import app_files  # noqa: E402
from outrange.explorer.widget import ExplorerWidget  # noqa: E402


def test_a_widget_answers_like_a_page(monkeypatch):
    said = []
    widget = ExplorerWidget(exhibit())
    monkeypatch.setattr(widget, "_send", said.append)
    widget._session._send = said.append
    widget._receive(None, {"text": "hello"}, [])
    assert json.loads(said[0])["say"] == "hello"
    for content in (None, "x", {}, {"text": 3}, {"text": "{"}):
        widget._receive(None, content, [])
        assert json.loads(said[-1])["say"] == "error"
    widget._receive(None, {"text": json.dumps({"ask": "range", "id": 1, **ends(-1, 1)})}, [])
    widget._session._workers["bounds"].close()
    widget._session._workers["bounds"]._thread.join(30)
    assert any(json.loads(text)["say"] == "range" for text in said)
    widget.close()


def test_one_module_holds_the_whole_front_end():
    text = app_files.bundle()
    assert "import " not in [line[:7] for line in text.splitlines()]
    assert text.count("export") == 1
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
