"""Convolutions and resizing of ONNX with all options, against `onnxruntime`."""

from importlib.util import find_spec

import numpy as np
import pytest


pytest.importorskip("onnx")

from frontends.onnx_models import f32, model, node, save_model
from outrange.core import UnsupportedError
from outrange.frontends.onnx import load_onnx


pytestmark = pytest.mark.skipif(find_spec("onnxruntime") is None, reason="needs onnxruntime")

IMAGE, SIGNAL, VOLUME = {"x": (1, 2, 5, 6)}, {"x": (1, 2, 7)}, {"x": (1, 2, 4, 3, 4)}


def conv(*shape, inputs=IMAGE, bias=0, op="Conv", opset=13, **attributes):
    """Build a convolution with a kernel of `shape` and a bias of `bias` entries (0: none)."""
    constants = {"w": f32(*shape)} | ({"b": f32(bias, seed=1)} if bias else {})
    words = " ".join(["x", *constants])
    return model([node(op, words, "y", **attributes)], constants, inputs=inputs, opset=opset)


def back(*shape, **options):
    return conv(*shape, op="ConvTranspose", **options)


def build_resize(scales=(), sizes=(), opset=13, inputs=IMAGE, **attributes):
    constants = {"roi": np.zeros(0, np.float32), "scales": np.array(scales, np.float32)}
    if sizes:
        constants["sizes"] = np.array(sizes, np.int64)
    words = "x roi " + ("_ sizes" if sizes else "scales")
    return model([node("Resize", words, "y", **attributes)], constants, inputs=inputs, opset=opset)


def build_upsample(scales, opset, **attributes):
    if opset >= 9:
        return model(
            [node("Upsample", "x s", "y", **attributes)],
            {"s": np.array(scales, np.float32)},
            inputs=IMAGE,
            opset=opset,
        )
    proto = node("Upsample", "x", "y", scales=[float(s) for s in scales], **attributes)
    return model([proto], inputs=IMAGE, opset=opset)


CASES = {
    "plain": conv(3, 2, 2, 3),
    "bias": conv(3, 2, 3, 3, bias=3, kernel_shape=[3, 3]),
    "pads": conv(3, 2, 3, 2, pads=[1, 0, 2, 1], bias=3),
    "strides": conv(3, 2, 2, 2, strides=[2, 3]),
    "dilations": conv(2, 2, 2, 2, dilations=[3, 2]),
    "groups": conv(4, 1, 3, 3, group=2, bias=4, pads=[1, 1, 1, 1]),
    "same upper": conv(2, 2, 2, 4, auto_pad="SAME_UPPER", strides=[2, 1]),
    "same lower": conv(2, 2, 2, 4, auto_pad="SAME_LOWER", strides=[2, 1]),
    "valid": conv(2, 2, 2, 2, auto_pad="VALID"),
    "1d": conv(3, 2, 3, inputs=SIGNAL, strides=[2], pads=[1, 1]),
    "3d": conv(3, 2, 2, 2, 3, inputs=VOLUME, pads=[0, 1, 0, 1, 0, 1]),
    "old": conv(3, 2, 2, 3, opset=1),
    "transposed": back(2, 3, 2, 3),
    "transposed bias": back(2, 3, 3, 3, bias=3, strides=[2, 2]),
    "transposed pads": back(2, 3, 3, 3, pads=[1, 0, 2, 1], strides=[2, 3]),
    "transposed extra": back(2, 3, 3, 3, strides=[2, 3], output_padding=[1, 2]),
    "transposed dilated": back(2, 3, 2, 2, dilations=[2, 3]),
    "transposed groups": back(2, 2, 3, 2, group=2, bias=4),
    "transposed shape": back(2, 3, 3, 3, strides=[2, 2], output_shape=[10, 12]),
    "transposed same upper": back(2, 3, 3, 3, strides=[2, 2], auto_pad="SAME_UPPER"),
    "transposed same lower": back(2, 3, 3, 3, strides=[2, 2], auto_pad="SAME_LOWER"),
    "transposed 1d": back(2, 3, 4, inputs=SIGNAL, strides=[2], pads=[1, 1]),
    "nearest": build_resize((1, 1, 2, 3)),
    "nearest asymmetric": build_resize(
        (1, 1, 2, 0.5), coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
    "nearest sizes": build_resize(sizes=(1, 2, 7, 4)),
    "nearest ceil": build_resize(
        sizes=(1, 2, 7, 4), coordinate_transformation_mode="align_corners", nearest_mode="ceil"),
    "linear": build_resize((1, 1, 2, 2), mode="linear"),
    "linear sizes": build_resize(sizes=(1, 2, 7, 4), mode="linear"),
    "linear corners": build_resize(
        sizes=(1, 2, 8, 3), mode="linear", coordinate_transformation_mode="align_corners"),
    "linear pytorch": build_resize(
        sizes=(1, 2, 3, 9), mode="linear", coordinate_transformation_mode="pytorch_half_pixel"),
    "linear asymmetric": build_resize(
        (1, 1, 2, 2), mode="linear", coordinate_transformation_mode="asymmetric"),
    "upsample 9": build_upsample((1, 1, 2, 3), 9),
    "upsample 9 linear": build_upsample((1, 1, 2, 2), 9, mode="linear"),
    "upsample 7": build_upsample((1, 1, 2, 2), 7, mode="nearest"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_graph_is_the_file(name, tmp_path, rng):
    network = load_onnx(save_model(tmp_path, CASES[name]), check="runtime")
    x = rng.uniform(-2.0, 2.0, (4, network.graph.size)).astype(np.float32)
    expected = network.predict(x)
    values = network.graph.run(x.astype(np.float64))
    np.testing.assert_allclose(values, expected, rtol=2e-6, atol=4e-6)


@pytest.mark.parametrize(
    ("proto", "words"),
    [
        (conv(3, 2, 2, 2, kernel_shape=[3, 3]), "kernel"),
        (build_resize((1, 1, 2, 2), mode="cubic"), "cubic"),
        (
            build_resize((1, 1, 2, 2), coordinate_transformation_mode="tf_crop_and_resize"),
            "tf_crop",
        ),
    ],
)
def test_what_is_not_described_is_refused(proto, words, tmp_path):
    with pytest.raises(UnsupportedError, match=words):
        load_onnx(save_model(tmp_path, proto), check=None)
