"""Questions about gradients, initial weights, depth and the learning rate."""

import numpy as np

from diagnosis.real.build import Case, gate, many_classes, net, two_classes


def custom(loss, units=1, activation="sigmoid", seed=0):
    """A loss of the user's own over one output."""

    def build(keras):
        x, y = two_classes(seed=seed)
        return net(keras, 6, [(12, "relu"), (units, activation)], loss(keras.ops)), x, y

    return build


def floored_loss(ops):
    return lambda t, p: ops.mean(ops.square(t - ops.floor(p + 0.5)))


def squared_loss(ops):
    return lambda t, p: ops.mean(ops.square(t - p))


def thresholded_loss(ops):
    return lambda t, p: ops.mean(ops.abs(t - ops.where(p >= 0.5, 1.0, 0.0)))


def loss_without_prediction(ops):
    return lambda t, p: ops.mean(ops.square(t - 0.5))


def index_of(ops):
    return lambda t, p: ops.mean(ops.square(t[:, 0] - ops.cast(ops.argmax(p, -1), "float32")))


def soft_index_of(ops):
    return lambda t, p: ops.mean(
        ops.square(t[:, 0] - ops.sum(p * ops.arange(2, dtype="float32"), -1))
    )


def xor(init, hidden="tanh", units=4):
    def build(keras):
        x, y = gate("xor")
        layers = [(units, hidden), (1, "sigmoid")]
        start = init(keras) if callable(init) else init
        return net(keras, 2, layers, "binary_crossentropy", keras.optimizers.Adam(0.1), start), x, y

    return build


def constant(value):
    return lambda keras: keras.initializers.Constant(value)


def classifier(init=None, hidden="relu", depth=2, rate=0.05, seed=0, loss=None, scale=1.0):
    """Ten classes, SGD."""

    def build(keras):
        x, y = many_classes(10, n=120, seed=seed)
        layers = [(20, hidden)] * depth + [(10, "softmax")]
        start = init(keras) if callable(init) else (init or "glorot_uniform")
        return (
            net(keras, 8, layers, loss or "categorical_crossentropy",
                keras.optimizers.SGD(rate), start, seed + 5), x * scale, y,
        )  # fmt: skip

    return build


def regression(rate, momentum=0.0, scale=1.0, hidden=(), target=1.0, seed=0):
    """A sum of the inputs."""

    def build(keras):
        x = np.random.default_rng(seed).uniform(0, 1, (120, 3)) * scale
        optimizer = keras.optimizers.SGD(rate, momentum=momentum)
        model = net(keras, 3, [*hidden, (1, None)], "mse", optimizer, seed=seed + 2)
        return model, x, x.sum(axis=1, keepdims=True) * target

    return build


def columns(units):
    def build(keras):
        x, _ = two_classes(seed=3)
        return net(keras, 6, [(12, "tanh"), (units, None)], "mse"), x, x[:, :1] - x[:, 1:2]

    return build


def small(std):
    return lambda keras: keras.initializers.RandomNormal(stddev=std, seed=4)


CASES = (
    Case("SO 41780344", "the gradient of floor is none", custom(floored_loss), custom(squared_loss),
         ("OR005",)),
    Case("SO 46926809", "argmax is not differentiable; a soft index is",
         custom(index_of, 2, "softmax"), custom(soft_index_of, 2, "softmax"), ("OR005",)),
    Case("SO 51257037", "a loss that does not read the prediction",
         custom(loss_without_prediction, seed=1), custom(squared_loss, seed=1), ("OR005",)),
    Case("xiaobeizi: non-differentiable loss", "tf.where(y_pred >= .5, 1, 0) in the loss",
         custom(thresholded_loss, seed=2), custom(squared_loss, seed=2), ("OR005",)),
    Case("SO 42516484", "XOR stays at 0.5: all weights start at 0", xor("zeros"),
         xor("glorot_uniform"), ("OR013",)),
    Case("SO 48027263", "all weights start equal", xor(constant(0.5), "sigmoid"),
         xor("glorot_uniform", "sigmoid"), ("OR013",)),
    Case("SO 36127436", "zero weights in every layer of a classifier",
         classifier("zeros", "tanh"), classifier(None, "tanh"), ("OR013",)),
    Case("SO 46181692", "no activation in the hidden layers", classifier(None, None, 3),
         classifier(None, "relu", 3), ("OR009",)),
    Case("SO 48385830", "digits without activations, SGD at 3, squared error",
         classifier(None, None, 2, 3.0, loss="mse"), classifier(None, "sigmoid", 2, 0.5),
         ("OR009", "OR017")),
    Case("SO 53138899", "layers without activation before a regression",
         regression(0.05, hidden=((16, None), (16, None)), seed=3),
         regression(0.05, hidden=((16, "relu"), (16, "relu")), seed=3), ("OR009",)),
    Case("SO 48934338", "the loss goes to NaN: rate .1, then 1e-4",
         regression(0.1, scale=60.0, hidden=((16, "relu"),), seed=5),
         regression(1e-4, scale=1.0, hidden=((16, "relu"),), seed=5, target=3.0), ("OR017",)),
    Case("SO 37624102", "linear regression diverges: the rate is too high for inputs this large",
         regression(0.1, scale=30.0, seed=6), regression(0.1, scale=1.0, seed=6), ("OR017",)),
    Case("SO 55718408", "linear regression with momentum explodes",
         regression(0.05, 0.9, 40.0, seed=7), regression(0.05, 0.9, 1.0, seed=7), ("OR017",)),
    Case("SO 59106542", "nothing changes: the rate is 1e-8",
         regression(1e-8, hidden=((16, "relu"),), seed=8),
         regression(1e-2, hidden=((16, "relu"),), seed=8), ("OR017",)),
    Case("SO 47822099", "the loss stays at ln 10: many sigmoid layers, small weights",
         classifier(small(0.02), "sigmoid", 8), classifier(None, "relu", 3), ("OR012",)),
    Case("SO 60291619", "how to see a vanishing gradient: ten sigmoid layers",
         classifier(small(0.05), "sigmoid", 10, seed=2), classifier(None, "tanh", 2, seed=2),
         ("OR012",)),
    Case("keras broadcasting", "targets of one column against three outputs", columns(3),
         columns(1), ("OR011",)),
)  # fmt: skip
