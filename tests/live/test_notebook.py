"""Tests of the live view in a kernel: updated in place while the cell runs, empty afterward."""

import sys

import pytest

from cases import cases


@pytest.mark.slow
def test_a_cell_shows_the_gaps_and_then_nothing(tmp_path, monkeypatch):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    pytest.importorskip("onnx")
    import numpy as np

    from cli.test_commands import save_onnx

    rng, layers = np.random.default_rng(0), []
    for n, m in ((12, 48), (48, 48), (48, 2)):
        layers.append((rng.normal(size=(n, m)), rng.normal(size=m), "Relu" if m == 48 else None))
    path = save_onnx(tmp_path / "net.onnx", layers, input_shape=(12,))
    limits = f"time_limit={cases(2, 3)}, progress=True"
    code = f"import outrange\noutrange.output_range({path!r}, (-1, 1), {limits}).status\n"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    told = []

    class Client(nbclient.NotebookClient):
        def process_message(self, message, cell, index):
            if message["msg_type"] == "update_display_data":
                told.append(message["content"]["data"]["text/html"])
            return super().process_message(message, cell, index)

    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    Client(notebook, timeout=60, kernel_name="python3").execute()
    assert told[-1] == "" and all(
        "<progress" in html or "Output range" in html for html in told[:-1]
    )
    assert any("z2[0]" in html and "known, gap" in html for html in told)
    shown, answer = notebook.cells[0].outputs
    assert shown["data"]["text/html"] == "" and answer["data"]["text/plain"] == "'time'"
