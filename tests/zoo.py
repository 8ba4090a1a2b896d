"""Small Keras models that between them use everything the Keras front-end reads.

No builder names a backend; weights come from NumPy, so a model is the same on every backend.

    import zoo
    model = zoo.build("residual")
    for name in zoo.MODELS: ...
"""

import ast
import inspect
import textwrap
from collections.abc import Callable

import keras
import numpy as np
from keras import Input, Model, Sequential, layers as L, ops


MODELS: dict[str, Callable[[], keras.Model]] = {}


def entry(builder: Callable) -> Callable:
    """Enter a builder under its own name."""
    MODELS[builder.__name__] = builder
    return builder


def parts(name: str) -> set[str]:
    """The layers, operations, options and texts (activations, paddings) that a builder names."""
    names = set()
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(MODELS[name])))):
        match node:
            case ast.Attribute(attr=word) | ast.Name(id=word) | ast.keyword(arg=str(word)):
                names.add(word)
            case ast.Constant(value=str(text)):
                names.add(text)
            case _:
                pass
    return {word for word in names if len(word) > 1}


def build(name: str) -> keras.Model:
    """The model `name`, with weights drawn by a generator of its own."""
    seed = sorted(MODELS).index(name)
    return randomize(MODELS[name](), seed)


def randomize(model: keras.Model, seed: int = 0) -> keras.Model:
    """Draw every weight afresh; variances are positive."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        shape = tuple(weight.shape)
        if not keras.backend.is_float_dtype(weight.dtype):
            continue
        if "variance" in weight.path:
            value = rng.uniform(0.5, 2.0, shape)
        elif len(shape) <= 1:
            value = rng.normal(0.0, 0.3, shape)
        else:
            value = rng.normal(0.0, 1.0 / np.sqrt(np.prod(shape[:-1])), shape)
        weight.assign(value.astype("float32"))
    return model


def box_of(model: keras.Model) -> int:
    """Number of input entries of a built model."""
    return sum(int(np.prod(t.shape[1:])) for t in keras.tree.flatten(model.inputs))


# ---- plain networks -----------------------------------------------------------------------------


@entry
def mlp():
    return Sequential([Input((5,)), L.Dense(12, "relu"), L.Dense(12, "relu"), L.Dense(3)])


@entry
def tanh_softmax():
    return Sequential([
        Input((4,)), L.Dense(8, "tanh"), L.Dropout(0.5), L.GaussianNoise(0.1),
        L.GaussianDropout(0.2), L.AlphaDropout(0.1), L.ActivityRegularization(l2=0.1),
        L.Dense(4, "softmax"),
    ])  # fmt: skip


@entry
def no_bias_sigmoid():
    return Sequential([Input((3,)), L.Dense(6, "sigmoid", use_bias=False), L.Dense(2, "linear")])


@entry
def built_by_calling():
    model = Sequential([L.Dense(4, "relu"), L.Dense(2)])
    model(np.zeros((1, 3), "float32"))
    return model


# ---- activations --------------------------------------------------------------------------------

SMOOTH = (
    "sigmoid", "tanh", "softplus", "softsign", "elu", "selu", "celu", "silu", "gelu", "mish",
    "exponential", "log_sigmoid", "tanh_shrink", "squareplus", "softmax", "log_softmax",
)  # fmt: skip
KINKED = (
    "relu", "leaky_relu", "relu6", "hard_sigmoid", "hard_tanh", "hard_silu", "hard_shrink",
    "soft_shrink", "sparse_plus", "sparse_sigmoid", "linear",
)  # fmt: skip


def _heads(names) -> keras.Model:
    x = Input((4,))
    return Model(x, L.Concatenate()([L.Dense(2, name, name=f"{name}_head")(x) for name in names]))


@entry
def smooth_activations():
    return _heads(SMOOTH)


@entry
def kinked_activations():
    return _heads(KINKED)


@entry
def activation_layers():
    x = Input((4,))
    h = L.Dense(5)(x)
    return Model(x, L.Concatenate()([
        L.Activation("relu")(h), L.ReLU()(h), L.LeakyReLU(negative_slope=0.3)(h),
        L.ELU(alpha=0.7)(h), L.Softmax()(h), L.Activation("gelu")(h),
    ]))  # fmt: skip


@entry
def relu_arguments():
    x = Input((3,))
    h = L.Dense(4)(x)
    return Model(x, L.Concatenate()([
        L.ReLU(max_value=1.5)(h), L.ReLU(negative_slope=0.2)(h),
        L.ReLU(max_value=6.0, negative_slope=0.1)(h), L.ReLU(threshold=0.5)(h),
        L.ReLU(max_value=2.0, negative_slope=0.25, threshold=0.5)(h),
    ]))  # fmt: skip


@entry
def prelu():
    return Sequential([
        Input((3, 4)), L.Dense(5), L.PReLU(shared_axes=[1]), L.Dense(2), L.PReLU(), L.Flatten(),
        L.Dense(2),
    ])  # fmt: skip


@keras.saving.register_keras_serializable("zoo")
def bent_identity(x):
    return ops.sqrt(ops.square(x) + 1.0) / 2.0 - 0.5 + x


@entry
def own_activation():
    return Sequential([Input((3,)), L.Dense(5, activation=bent_identity), L.Dense(2)])


@entry
def attributes_of_activations():
    x = Input((4,))
    h = L.Dense(4)(x)
    a = keras.activations
    return Model(x, L.Concatenate()([
        a.elu(h, alpha=0.5), a.celu(h, alpha=2.0), a.gelu(h, approximate=True),
        a.hard_shrink(h, threshold=0.25), a.soft_shrink(h, threshold=0.75),
        a.squareplus(h, b=2.0), ops.threshold(h, 0.3, -0.2), ops.leaky_relu(h, 0.05),
    ]))  # fmt: skip


# ---- how layers are joined ----------------------------------------------------------------------


@entry
def residual():
    x = Input((6,))
    h = L.Dense(6, "relu")(x)
    h = L.Add()([h, x, L.Dense(6)(x)])
    h = L.Subtract()([h, x])
    h = L.Average()([h, x, L.Dense(6, "tanh")(h)])
    return Model(x, L.Dense(2)(h))


@entry
def maximum_minimum():
    x = Input((4,))
    a, b, c = (L.Dense(5)(x) for _ in range(3))
    maxout = ops.max(ops.reshape(L.Dense(12)(x), (-1, 4, 3)), axis=-1)
    return Model(x, L.Concatenate()([
        L.Maximum()([a, b, c]), L.Minimum()([a, b]), maxout, ops.maximum(a, 0.25),
        ops.minimum(b, np.linspace(-1, 1, 5, dtype="float32")), ops.clip(c, -0.5, 0.75),
    ]))  # fmt: skip


@entry
def shared_loop():
    x = Input((4,))
    dense = L.Dense(4, "relu", name="again")
    h, seen = x, []
    for _ in range(4):
        h = L.Add()([dense(h), x])
        seen.append(h)
    return Model(x, L.Dense(2)(L.Concatenate()(seen)))


@entry
def nested():
    inner_in = Input((4,))
    inner = Model(inner_in, L.Dense(3, "relu", name="hidden")(inner_in), name="inner")
    tail = Sequential([Input((3,)), L.Dense(3), L.ReLU()], name="tail")
    x = Input((4,))
    h = tail(inner(x)) + inner(x)
    return Model(x, L.Dense(2)(h))


@entry
def dict_in_out():
    z, a = Input((4,), name="zeta"), Input((3,), name="alpha")
    h = L.Dense(3, "relu")(z) + L.Dense(3)(a)
    return Model({"zeta": z, "alpha": a}, {"second": L.Dense(2)(h), "first": h - a})


@entry
def several_in_out():
    x, y = Input((2, 3), name="x"), Input((4,), name="y")
    h = L.Concatenate()([L.Flatten()(x), y])
    return Model([x, y], [L.Dense(2, name="low")(h), L.Reshape((2, 5), name="high")(h)])


@entry
def grouped_softmax():
    x = Input((5,))
    h = L.Reshape((4, 3))(L.Dense(12)(x))
    return Model(x, L.Flatten()(L.Softmax(axis=1)(h)))


# ---- affine things ------------------------------------------------------------------------------


@entry
def batch_normalization():
    return Sequential([
        Input((3, 4)), L.BatchNormalization(), L.Dense(5, "relu"),
        L.BatchNormalization(axis=1, scale=False), L.Flatten(), L.Dense(3),
        L.BatchNormalization(center=False, epsilon=0.1),
    ])  # fmt: skip


@entry
def preprocessing():
    mean, variance = np.arange(5.0), np.arange(1.0, 6.0)
    return Sequential([
        Input((5,)), L.Rescaling(1 / 255.0, offset=-0.5), L.Dense(5),
        L.Normalization(mean=mean, variance=variance),
        L.Normalization(mean=mean, variance=variance, invert=True), L.Dense(2, "relu"),
    ])  # fmt: skip


@entry
def einsum_dense():
    return Sequential([
        Input((3, 4)), L.EinsumDense("abc,cd->abd", (3, 5), bias_axes="d", activation="relu"),
        L.EinsumDense("abd,de->abe", (3, 2)), L.EinsumDense("abc,bcd->ad", 2, bias_axes="d"),
    ])  # fmt: skip


@entry
def time_axis_dense():
    return Sequential([
        Input((4, 3)), L.Dense(5, "relu"), L.TimeDistributed(L.Dense(2, "tanh")), L.Permute((2, 1)),
        L.Dense(3), L.GlobalAveragePooling1D(),
    ])  # fmt: skip


@keras.saving.register_keras_serializable("zoo")
class Contractions(keras.Layer):
    """Products with constants in every way `keras.ops` writes them."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 3, 2))
        self.m = self.add_weight(shape=(shape[-1], shape[-1]))
        self.b = self.add_weight(shape=(3,))

    def call(self, x):
        y = ops.einsum("bti,ijk->btjk", x, self.w)
        y = ops.max(y, axis=-1) + self.b
        z = ops.matmul(x, self.m) @ self.m - ops.dot(x, self.m)
        t = ops.tensordot(x, self.w, axes=[[2], [0]])
        left = ops.matmul(np.ones((2, x.shape[1]), "float32"), x)
        return ops.concatenate(
            [ops.reshape(p, (-1, int(np.prod(p.shape[1:])))) for p in (y, z, t, left)], axis=-1
        )

    def compute_output_shape(self, shape):
        t, n = shape[1:]
        return (shape[0], t * 3 + t * n + t * 6 + 2 * n)


@entry
def contractions():
    return Sequential([Input((3, 4)), Contractions(), L.Dense(3)])


# ---- entries that move --------------------------------------------------------------------------


@entry
def shape_layers():
    x = Input((4, 6))
    parts = [
        L.Permute((2, 1))(x), L.Reshape((3, 8))(x), L.RepeatVector(2)(L.Flatten()(x)),
        L.UpSampling1D(2)(x), L.ZeroPadding1D((1, 2))(x), L.Cropping1D((1, 2))(x),
    ]  # fmt: skip
    return Model(x, L.Dense(3)(L.Concatenate()([L.Flatten()(p) for p in parts])))


@entry
def image_layers():
    x = Input((4, 5, 2))
    h = L.ZeroPadding2D(((1, 0), (0, 2)))(x)
    h = L.UpSampling2D((2, 1))(h)
    h = L.Cropping2D(((1, 1), (0, 1)))(h)
    return Model(x, L.Dense(2)(L.Flatten()(h)))


@entry
def image_preprocessing():
    return Sequential([
        Input((6, 7, 3)), L.RandomFlip(), L.RandomRotation(0.1), L.RandomContrast(0.2),
        L.RandomZoom(0.1), L.CenterCrop(4, 5), L.SpatialDropout2D(0.2), L.Flatten(), L.Dense(2),
    ])  # fmt: skip


@entry
def activation_that_is_a_layer():
    leaky = L.LeakyReLU(negative_slope=0.1)
    return Sequential([Input((3,)), L.Dense(4, activation=leaky), L.Identity(), L.Dense(2)])


@entry
def raw_shape_ops():
    x = Input((4, 6))
    parts = [
        x[:, ::2, 1:3], x[:, -1], x[..., None, 2], ops.stack([x, x * 2.0], axis=1),
        ops.flip(x, axis=1), ops.tile(x, (1, 2, 1)), *ops.split(x, 2, axis=-1),
        ops.take(x, np.array([3, 0, 2]), axis=1), ops.roll(x, 1, axis=1), ops.swapaxes(x, 1, 2),
        ops.moveaxis(x, 1, 2), ops.repeat(x, 2, axis=1), ops.squeeze(x[:, :1], axis=1),
        ops.pad(x, ((0, 0), (1, 1), (0, 0)), mode="reflect"),
        ops.pad(x, ((0, 0), (1, 0), (0, 2)), constant_values=1.5),
        ops.cumsum(x, axis=1), ops.expand_dims(x, 1), ops.transpose(x, (0, 2, 1)),
        ops.where(np.tri(4, 6, dtype="bool"), x, -0.5), ops.triu(x),
    ]  # fmt: skip
    return Model(x, L.Dense(3)(L.Concatenate()([L.Flatten()(p) for p in parts])))


# ---- windows and reductions ---------------------------------------------------------------------


@entry
def pooling():
    x = Input((6, 7, 2))
    parts = [
        L.MaxPooling2D(2)(x), L.MaxPooling2D(3, strides=2, padding="same")(x),
        L.AveragePooling2D((2, 3))(x), L.AveragePooling2D(3, strides=1, padding="same")(x),
        L.GlobalMaxPooling2D()(x), L.GlobalAveragePooling2D(keepdims=True)(x),
    ]  # fmt: skip
    return Model(x, L.Dense(3)(L.Concatenate()([L.Flatten()(p) for p in parts])))


@entry
def pooling_1d():
    return Sequential([
        Input((12, 2)), L.MaxPooling1D(2), L.Dense(3, "relu"),
        L.AveragePooling1D(2, padding="same"), L.GlobalMaxPooling1D(), L.Dense(2),
    ])  # fmt: skip


@entry
def reductions():
    x = Input((5, 3))
    each = [f(x, axis=1) for f in (ops.mean, ops.sum, ops.max, ops.min, ops.logsumexp, ops.var)]
    rest = [
        ops.mean(x, axis=(1, 2), keepdims=True)[:, 0], ops.amax(x, axis=-1), ops.std(x, axis=2),
        ops.average(x, axis=1),
    ]  # fmt: skip
    return Model(x, L.Concatenate()([*each, *rest]))


@entry
def log_softmax_and_sum():
    x = Input((6,))
    h = L.Dense(5)(x)
    total = ops.logsumexp(h, axis=-1, keepdims=True)
    both = ops.logaddexp(h[:, :2], h[:, 2:4])
    return Model(x, L.Concatenate()([ops.log_softmax(h), total, h - total, both]))


# ---- elementwise, written out -------------------------------------------------------------------


@entry
def elementwise():
    x = Input((4,))
    p = ops.abs(x) + 0.5
    return Model(x, L.Concatenate()([
        ops.sin(x), ops.cos(x), ops.exp(-p), ops.log(p), ops.sqrt(p), ops.square(x), 1.0 / p,
        ops.rsqrt(p), ops.arctan(x), ops.erf(x), ops.log1p(p), ops.expm1(-p), -x, x / 3.0,
        ops.reciprocal(p), ops.log2(p), ops.log10(p), ops.tanh(x) * 2.0 - 1.0,
    ]))  # fmt: skip


@entry
def powers():
    x = Input((3,))
    p = ops.abs(x) + 0.5
    return Model(x, L.Concatenate()([x**2, x**3, x * x, p**1.5, p**-1.0, p**-2.0, p**0.5]))


@entry
def broadcasting():
    x = Input((3, 4))
    row = np.linspace(-1, 1, 4, dtype="float32")
    mean = ops.mean(x, axis=-1, keepdims=True)
    return Model(x, L.Flatten()(ops.relu((x - mean) * row + row[::-1]) / (2.0 + row)))


import zoo_code  # noqa: E402, F401  (enters its models in the table above)
import zoo_images as zoo_images  # noqa: E402  its models enter the table as well
import zoo_kinds  # noqa: E402, F401  (enters its models in the table above)
import zoo_recurrent  # noqa: E402, F401
