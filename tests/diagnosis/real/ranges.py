"""Questions about targets, inputs and units that cannot do what is asked of them."""

import numpy as np

from diagnosis.real.build import Case, fixed_weights, line, net, two_classes


def one_unit(activation, weight=1.0):
    def build(keras):
        x, y = line()
        model = net(keras, 1, [(1, activation)], "mse", keras.optimizers.SGD(0.01))
        return fixed_weights(model, [[weight]]), x, y

    return build


def regression(last, targets, hidden=((16, "tanh"),), seed=0, rate=1e-3, features=3):
    """Targets from a function of the inputs."""

    def build(keras):
        x = np.random.default_rng(seed).uniform(-1, 1, (80, features)).astype("float32")
        model = net(
            keras, features, [*hidden, (1, last)], "mse", keras.optimizers.Adam(rate), seed=seed
        )
        return model, x, targets(x)

    return build


def spread(lo, hi):
    """Targets from `lo` to `hi`, rising in the first input."""
    return lambda x: lo + (hi - lo) * (x[:, :1] + 1) / 2


def powers(power, size):
    """y = x ** power on [-size, size], 16 sigmoids."""

    def build(keras):
        x = np.linspace(-1, 1, 201)[:, None]
        kernel = np.random.default_rng(2).uniform(0.5, 1.5, (1, 16)) * np.tile([1, -1], 8)
        model = net(keras, 1, [(16, "sigmoid"), (1, None)], "mse")
        last = np.random.default_rng(3).normal(size=(16, 1)) / 4
        fixed_weights(model, kernel, last)
        return model, x * size, (x * size) ** power

    return build


def unscaled_features(scaled):
    """Features in the thousands into sigmoids."""

    def build(keras):
        x, y = two_classes(seed=9)
        model = net(keras, 6, [(20, "sigmoid"), (1, "sigmoid")], "binary_crossentropy")
        return model, x if scaled else 800 * x + 4000, y

    return build


def dead(sign, features=4, last=1, seed=3):
    """Non-negative inputs into relus whose weights are all of one sign."""

    def build(keras):
        rng = np.random.default_rng(seed)
        x = rng.uniform(0, 1, (60, features)).astype("float32")
        model = net(keras, features, [(12, "relu"), (last, None)], "mse")
        kernel = sign * rng.uniform(0.05, 0.5, (features, 12))
        fixed_weights(model, kernel, rng.normal(size=(12, last)) / 4)
        return model, x, x[:, :1] - x[:, 1:2]

    return build


def negative_loss(fixed):
    def build(keras):
        x, y = two_classes(seed=10)
        y = y if fixed else (y - y.mean()) / y.std()
        return net(keras, 6, [(16, "relu"), (1, "sigmoid")], "binary_crossentropy"), x, y

    return build


def plus_minus(fixed):
    def build(keras):
        x, y = two_classes(seed=11)
        return (
            net(keras, 6, [(16, "relu"), (1, "sigmoid")], "binary_crossentropy"), x,
            y if fixed else 2 * y - 1,
        )  # fmt: skip

    return build


def with_gap(value):
    def build(keras):
        x, y = line(20)
        x = x / 10
        x[4, 0] = value
        return net(keras, 1, [(8, "tanh"), (1, None)], "mse"), x, y / 10

    return build


CASES = (
    Case("SO 62641394", "y = 2 x + 1 with a sigmoid", one_unit("sigmoid"), one_unit(None),
         ("OR001",)),
    Case("SO 62641394 (tanh)", "y = 2 x + 1 with tanh", one_unit("tanh"), one_unit(None),
         ("OR001",)),
    Case("SO 62641394 (relu)", "y = 2 x + 1 with relu: dead where the weight starts below 0",
         one_unit("relu", -0.8), one_unit("relu", 0.8), ("OR003",)),
    Case("SO 48221692", "sigmoid in the last layer, targets 3 .. 103",
         regression("sigmoid", spread(3, 103)), regression(None, spread(0.03, 1.03)), ("OR001",)),
    Case("SO 48251943", "relu in the last layer, targets -1.05 .. 2.71",
         regression("relu", spread(-1.053, 2.712), seed=1),
         regression(None, spread(-1.053, 2.712), seed=1), ("OR001",)),
    Case("SO 60801900", "negative values are predicted as zeros: relu in the last layer",
         regression("relu", spread(-5, 5), ((32, "relu"),), seed=2),
         regression(None, spread(-5, 5), ((32, "relu"),), seed=2), ("OR001",)),
    Case("SO 62313327", "the loss stalls where it should fall to 0: targets past tanh",
         regression("tanh", spread(0, 4), seed=4), regression(None, spread(0, 4), seed=4),
         ("OR001",)),
    Case("SO 37898795", "predictions are awful: targets past a sigmoid",
         regression("sigmoid", spread(10, 60), seed=5),
         regression("sigmoid", spread(0.1, 0.9), seed=5), ("OR001",)),
    Case("math 4483706", "is relu a bad last layer for regression: a dead output",
         lambda k: _dead_output(k, -1), lambda k: _dead_output(k, 1), ("OR003",)),
    Case("SO 57200621", "negative loss after whitening: targets outside [0, 1]",
         negative_loss(False), negative_loss(True), ("OR010",)),
    Case("codemia: negative binary crossentropy", "labels -1 and 1 under binary crossentropy",
         plus_minus(False), plus_minus(True), ("OR010",)),
    Case("SO 52800582", "y = x ** 4 on [-100, 100] fails: saturated, and targets of 1e8",
         powers(4, 100), powers(4, 1), ("OR004", "OR017")),
    Case("SO 39817949", "a saturated sigmoid in a classifier: inputs not scaled",
         unscaled_features(False), unscaled_features(True), ("OR004",)),
    Case("SO 53749895", "all relus dead", dead(-1), dead(1), ("OR003",)),
    Case("SO 49891163", "the same prediction for every row: dead relus", dead(-1, 6, seed=4),
         dead(1, 6, seed=4), ("OR003",)),
    Case("keras 13891", "constant prediction with relu, while tanh works", dead(-1, 3, seed=6),
         dead(1, 3, seed=6), ("OR003",)),
    Case("SO 39714374", "the loss is NaN: a NaN in the data", with_gap(np.nan), with_gap(0.5),
         ("OR016",)),
)  # fmt: skip


def _dead_output(keras, sign):
    rng = np.random.default_rng(8)
    x = rng.uniform(0, 1, (60, 3)).astype("float32")
    model = net(keras, 3, [(8, "sigmoid"), (1, "relu")], "mse")
    fixed_weights(model, rng.normal(size=(3, 8)) / 2, sign * rng.uniform(0.1, 0.6, (8, 1)))
    return model, x, x.sum(axis=1, keepdims=True)
