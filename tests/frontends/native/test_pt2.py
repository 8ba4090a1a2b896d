"""Safety check of `.pt2` files before PyTorch opens them, without PyTorch installed."""

import json
import zipfile

import pytest

from outrange.core import ModelError
from outrange.frontends.torch.files import check


def archive(tmp_path, **fields):
    """Write an archive with one node of these fields."""
    node = {"target": "torch.ops.aten.relu.default", "inputs": [], **fields}
    path = tmp_path / "model.pt2"
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("model/models/model.json", json.dumps({"graph": {"nodes": [node]}}))
    return path


def test_a_plain_program_passes(tmp_path):
    check(archive(tmp_path))
    check(archive(tmp_path, size={"expr_str": "2*s27 + 1"}))


@pytest.mark.parametrize(
    "fields",
    [
        {"target": "torch.hub.load"},
        {"target": "torch.ops.aten.relu.default.__globals__"},
        {"target": "_operator.attrgetter"},
        {"target": "#custom"},
        {"size": {"expr_str": "__import__('os').getcwd()"}},
    ],
)
def test_code_is_refused(tmp_path, fields):
    with pytest.raises(ModelError, match="safe_mode=False"):
        check(archive(tmp_path, **fields))


def test_no_archive(tmp_path):
    path = tmp_path / "model.pt2"
    path.write_bytes(b"not an archive")
    with pytest.raises(ModelError, match="Received"):
        check(path)
