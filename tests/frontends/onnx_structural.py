"""Drafts of operators that move entries, build constants, or are layers; see `onnx_operators`."""

import numpy as np
from onnx import helper, numpy_helper

from frontends.onnx_drafts import NUMBERS, number
from frontends.onnx_operators import case, shape


FLOATING = ("float", "double", "float16", "bfloat16")


@case("Dropout")
def dropout(d, name, T, T1, T2):
    d.data(T, *shape(d))
    if d.rng.random() < 0.5:
        d.constant(np.array(0.3, np.float32), T1 if T1 not in NUMBERS else None)
        d.constants["k" + str(len(d.constants) - 1)] = np.array(0.3, NUMBERS.get(T1, np.float32))
    return d.model(name)


@case("Reshape", "Expand")
def reshape(d, name, T, **_):
    d.data(T, 1, 2, 3)
    wanted = d.choice((1, -1), (0, 3, 2), (6,)) if name == "Reshape" else d.choice((2, 1, 1), (3,))
    d.ints(*wanted)
    return d.model(name)


@case("Transpose")
def transpose(d, name, T):
    d.data(T, 1, 2, 3)
    return d.model(name, perm=d.choice(None, [0, 2, 1], [2, 0, 1]))


@case("Squeeze", "Unsqueeze")
def squeeze(d, name, T):
    d.data(T, 1, 3, 1)
    d.ints(d.choice(0, -1))
    return d.model(name)


@case("Concat")
def concat(d, name, T):
    for _ in range(int(d.rng.integers(1, 4))):
        d.data(T, 1, 2, 3)
    return d.model(name, axis=d.choice(1, -1))


@case("Split")
def split(d, name, T):
    d.data(T, 1, 4)
    if d.rng.random() < 0.5:
        d.ints(1, 3)
        return d.model(name, 2, axis=1)
    return d.model(name, 2, axis=1, num_outputs=2)


@case("Slice")
def slices(d, name, T, Tind):
    d.data(T, 1, 3, 4)
    for part in d.choice(((0, -1), (2, -9), (1, 2), (1, -1)), ((1,), (3,), (2,), (1,))):
        d.constant(np.array(part, NUMBERS[Tind]))
    return d.model(name)


@case("Gather", "GatherElements")
def gather(d, name, T, Tind):
    if name == "Gather" and d.rng.random() < 0.3:
        d.data(T, 3, 2, fixed=True)
        d.data(Tind, 1, 2, low=0.0, high=2.9)
        return d.model(name)
    d.data(T, 1, 3, 2)
    d.constant(np.array([[[0, -1], [2, 1]]], NUMBERS[Tind]))
    return d.model(name, axis=1)


@case("Pad", opset=18)
def pad(d, name, T, Tind):
    mode = d.choice("constant", "reflect", "edge")
    d.data(T, 1, 3)
    d.ints(0, 1, 0, 2)
    if mode == "constant" and d.rng.random() < 0.6:
        d.data(T, fixed=True)
    return d.model(name, mode=mode)


@case("Tile")
def tile(d, name, T, T1):
    d.data(T, 1, 2)
    d.ints(2, 2)
    return d.model(name)


@case("DepthToSpace", "SpaceToDepth")
def depth(d, name, T):
    d.data(T, *((1, 4, 1, 2) if name == "DepthToSpace" else (1, 1, 2, 4)))
    mode = d.choice(None, "CRD", "DCR") if name == "DepthToSpace" else None
    return d.model(name, blocksize=2, mode=mode)


@case("Constant")
def constant(d, name, T):
    d.form = "constants"
    array = d.numbers(T, (2,))
    if T not in NUMBERS:
        entries = [b"1"] if T == "string" else [1]
        return d.model(name, value=helper.make_tensor("v", number(T), (1,), entries))
    return d.model(name, value=numpy_helper.from_array(array))


@case("ConstantOfShape")
def constant_of_shape(d, name, T1, T2):
    d.form = "constants"
    d.ints(1, 2)
    if T2 not in NUMBERS:
        return d.model(name, value=helper.make_tensor("v", number(T2), (1,), [1]))
    return d.model(name, value=d.choice(None, numpy_helper.from_array(d.numbers(T2, (1,)))))


@case("Range")
def arange(d, name, T):
    d.form = "constants"
    for value in d.choice((0, 5, 1), (2, 9, 3)):
        d.constant(np.array(value, NUMBERS.get(T, np.float32)), T)
    return d.model(name)


@case("Cast")
def cast(d, name, T1, T2):
    # Numbers within the range of every type, including their fractions.
    d.data(T1, *shape(d), low=0.0 if T2.startswith("uint") else -4.0)
    return d.model(name, to=number(T2))


@case("CastLike")
def cast_like(d, name, T1, T2):
    d.data(T1, *shape(d), low=0.0 if T2.startswith("uint") else -4.0)
    d.data(T2, 1)
    return d.model(name)


@case("Resize")
def resize(d, name, T1, T2):
    d.data(T1, 1, 1, 2, 3)
    d.absent()
    d.constant(np.array([1, 1, 2, d.choice(1.5, 2.0)], np.float32))
    way = d.choice("half_pixel", "asymmetric", "align_corners")
    return d.model(name, mode=d.choice("nearest", "linear"), coordinate_transformation_mode=way)


@case("Upsample", opset=9)
def upsample(d, name, T):
    d.data(T, 1, 1, 2, 2)
    d.constant(np.array([1, 1, 2, 2], np.float32))
    return d.model(name, mode=d.choice("nearest", "linear"))


# ---- layers ---------------------------------------------------------------------------------


@case("BatchNormalization")
def batch_normalization(d, name, T, T1, T2):
    d.data(T, 1, 2, 3)
    for kind, low, high in ((T1, -2, 2), (T1, -2, 2), (T2, -2, 2), (T2, 0.5, 2)):
        d.data(kind, 2, low=low, high=high, fixed=True)
    return d.model(name, epsilon=d.choice(None, 1e-3))


@case("Conv", "ConvTranspose")
def conv(d, name, T):
    d.data(T, 1, 2, 4)
    d.data(T, 2, 2, 2, fixed=True)
    if d.rng.random() < 0.5:
        d.data(T, 2, fixed=True)
    return d.model(name, strides=d.choice(None, [2]), pads=d.choice(None, [1, 0]))


@case("MaxPool", "AveragePool")
def pool(d, name, T, **_):
    d.data(T, 1, 2, 5)
    return d.model(name, kernel_shape=[2], strides=d.choice(None, [2]), pads=d.choice(None, [1, 0]))


@case("GlobalAveragePool", "GlobalMaxPool")
def global_pool(d, name, T):
    d.data(T, 1, 2, 3, 2)
    return d.model(name)


@case("RNN", "GRU", "LSTM")
def recurrent(d, name, T, T1):
    gates = {"RNN": 1, "GRU": 3, "LSTM": 4}[name]
    d.data(T, 2, 1, 2, low=-2.0, high=2.0)
    d.data(T, 1, 2 * gates, 2, low=-1.0, high=1.0, fixed=True)
    d.data(T, 1, 2 * gates, 2, low=-1.0, high=1.0, fixed=True)
    if d.rng.random() < 0.5:
        d.data(T, 1, 4 * gates, low=-1.0, high=1.0, fixed=True)
    return d.model(name, hidden_size=2)


@case("LayerNormalization", "InstanceNormalization", "GroupNormalization")
def normalization(d, name, T, **_):
    size = (1, 2, 3) if name != "GroupNormalization" else (1, 4, 3)
    d.data(T, *size)
    width = size[-1] if name == "LayerNormalization" else size[1]
    for _ in range(2):
        d.data(T, width, fixed=True)
    return d.model(
        name, epsilon=0.01, num_groups=2 if name == "GroupNormalization" else None,
        axis=-1 if name == "LayerNormalization" else None,
    )  # fmt: skip


@case("RMSNormalization", opset=23)
def rms_normalization(d, name, T, V):
    d.data(T, 1, 2, 3)
    d.data(V, 3, fixed=True)
    return d.model(name, epsilon=0.01)
