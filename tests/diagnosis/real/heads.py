"""Questions about the last activation and the loss."""

import numpy as np

from diagnosis.real.build import Case, gate, many_classes, net, several_labels, two_classes


def binary(last, loss, hidden=((16, "relu"),), units=1, optimizer=None, seed=0):
    def build(keras):
        x, y = two_classes(seed=seed)
        wanted = loss(keras) if callable(loss) else loss
        step = optimizer(keras) if optimizer else None
        return net(keras, 6, [*hidden, (units, last)], wanted, step, seed=seed + 3), x, y

    return build


def several(last, loss, classes=3, hidden=((16, "relu"),), one_hot=True, seed=0, optimizer=None):
    def build(keras):
        x, y = many_classes(classes, seed=seed, one_hot=one_hot)
        wanted = loss(keras) if callable(loss) else loss
        step = optimizer(keras) if optimizer else None
        return net(keras, 8, [*hidden, (classes, last)], wanted, step, seed=seed + 3), x, y

    return build


def and_gate(last, loss, init="zeros"):
    def build(keras):
        x, y = gate("and")
        return net(keras, 2, [(1, last)], loss, keras.optimizers.SGD(0.5), init), x, y

    return build


def multi_label(last, loss):
    def build(keras):
        x, y = several_labels(5)
        return net(keras, 8, [(16, "relu"), (5, last)], loss), x, y

    return build


def twice(layers_twice, classes=3, seed=0):
    """A softmax activation and then a Softmax layer, or only one of them."""

    def build(keras):
        x, y = many_classes(classes, seed=seed)
        last = [(classes, "softmax")] + ([keras.layers.Softmax()] if layers_twice else [])
        return net(keras, 8, [(16, "relu"), *last], "categorical_crossentropy"), x, y

    return build


def labels(shift, scale, classes, last="softmax", loss=None, units=None):
    def build(keras):
        x, y = many_classes(classes, one_hot=False, seed=4)
        model = net(keras, 8, [(16, "relu"), (units or classes, last)], loss or SCCE)
        return model, x, (y + shift) * scale

    return build


def logits(name, value):
    return lambda keras: getattr(keras.losses, name)(from_logits=value)


def sgd(rate):
    return lambda keras: keras.optimizers.SGD(rate)


BCE, CCE, SCCE = (
    "binary_crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
)
RIGHT = binary("sigmoid", BCE)

CASES = (
    Case("SO 34229140", "AND gate with softmax: over one unit it is always 1",
         and_gate("softmax", "mse"), and_gate("sigmoid", BCE), ("OR002",)),
    Case("SO 34229140 (relu)", "AND gate, zero weights, relu: dead from the start",
         and_gate("relu", "mse"), and_gate("sigmoid", "mse"), ("OR003",)),
    Case("SO 59129802", "loss does not change: softmax over one unit", binary("softmax", BCE),
         RIGHT, ("OR002",)),
    Case("SO 53971451", "predicts 1 for everything: softmax over one unit",
         binary("softmax", BCE, ((32, "tanh"), (8, "relu"))),
         binary("sigmoid", BCE, ((32, "tanh"), (8, "relu"))), ("OR002",)),
    Case("SO 49931055", "zero loss from the first step: categorical crossentropy of one class",
         binary("softmax", CCE), binary("sigmoid", BCE), ("OR002", "OR006")),
    Case("SO 34886605", "not training: softmax over one unit", binary("softmax", CCE, ()),
         binary("sigmoid", BCE, ()), ("OR002", "OR006")),
    Case("SO 45652597", "cost is 0 for a binary classification: one class has nothing to choose",
         binary("softmax", CCE, ((20, "sigmoid"),)), binary("sigmoid", BCE, ((20, "sigmoid"),)),
         ("OR002", "OR006")),
    Case("SO 65258468", "accuracy stuck at chance with softmax, .98 with sigmoid",
         binary("softmax", BCE, ((24, "relu"), (12, "relu")), seed=5),
         binary("sigmoid", BCE, ((24, "relu"), (12, "relu")), seed=5), ("OR002",)),
    Case("SO 31880720", "prediction is constant: softmax over one unit and binary crossentropy",
         binary("softmax", BCE, ((12, "relu"), (12, "relu")), seed=2),
         binary("sigmoid", BCE, ((12, "relu"), (12, "relu")), seed=2), ("OR002",)),
    Case("SO 33969059", "softmax over one unit and mean squared error",
         binary("softmax", "mse", ((10, "tanh"),), seed=3),
         binary("sigmoid", "mse", ((10, "tanh"),), seed=3), ("OR002",)),
    Case("SO 45442843", "softmax over one unit and mean absolute error",
         binary("softmax", "mae", seed=4), binary("sigmoid", BCE, seed=4), ("OR002",)),
    Case("stats.SE 565956", "categorical crossentropy of one output is 0 whatever it is",
         binary("sigmoid", CCE, seed=6), binary("sigmoid", BCE, seed=6), ("OR006",)),
    Case("SO 51930566", "independent sigmoids and categorical crossentropy",
         several("sigmoid", CCE, 4), several("softmax", CCE, 4), ("OR006",)),
    Case("SO 55328966", "the same with ten classes", several("sigmoid", CCE, 10, seed=2),
         several("softmax", CCE, 10, seed=2), ("OR006",)),
    Case("SO 59278771", "sigmoid and sparse categorical crossentropy",
         several("sigmoid", SCCE, 3, one_hot=False), several("softmax", SCCE, 3, one_hot=False),
         ("OR006",)),
    Case("SO 44066044", "relu as the last activation under binary crossentropy",
         binary("relu", BCE, seed=7), binary("sigmoid", BCE, seed=7), ("OR006",)),
    Case("SO 47352366", "relu as the last activation under categorical crossentropy: NaN",
         several("relu", CCE, 10, seed=3), several("softmax", CCE, 10, seed=3), ("OR006",)),
    Case("SO 53254870", "crossentropy without softmax", several(None, CCE, 5, seed=4),
         several("softmax", CCE, 5, seed=4), ("OR006",)),
    Case("SO 50555434", "a distribution is to be predicted without softmax",
         several(None, "kl_divergence", 4, seed=5), several("softmax", "kl_divergence", 4, seed=5),
         ("OR006",)),
    Case("keras-hub 1008", "a linear head needs from_logits=True",
         several(None, SCCE, 4, one_hot=False, seed=6),
         several(None, logits("SparseCategoricalCrossentropy", True), 4, one_hot=False, seed=6),
         ("OR006",)),
    Case("tensorflow 28718", "softmax and from_logits=True in a tutorial",
         several("softmax", logits("SparseCategoricalCrossentropy", True), 5, one_hot=False),
         several("softmax", logits("SparseCategoricalCrossentropy", False), 5, one_hot=False),
         ("OR007",)),
    Case("keras 15271", "sigmoid and BinaryCrossentropy(from_logits=True)",
         binary("sigmoid", logits("BinaryCrossentropy", True), seed=8),
         binary(None, logits("BinaryCrossentropy", True), seed=8), ("OR007",)),
    Case("SO 57326611", "softmax applied twice", twice(True), twice(False), ("OR008",)),
    Case("SO 50032197", "softmax in the layer and again after it", twice(True, 6, 2),
         twice(False, 6, 2), ("OR008",)),
    Case("SO 51993989", "softmax as a hidden activation",
         several("softmax", CCE, 3, ((16, "softmax"), (16, "softmax")), seed=7),
         several("softmax", CCE, 3, ((16, "relu"), (16, "relu")), seed=7), ("OR008",)),
    Case("SO 34673164", "softmax and mean squared error",
         several("softmax", "mse", 3, seed=8), several("softmax", CCE, 3, seed=8), ("OR006",)),
    Case("SO 38648195", "softmax over several labels a row, rows that do not add up to 1",
         multi_label("softmax", "mse"), multi_label("sigmoid", BCE), ("OR001",)),
    Case("SO 41327601", "binary crossentropy over classes looks more accurate",
         several("softmax", BCE, 4, seed=9), several("softmax", CCE, 4, seed=9), ("OR006",)),
    Case("SO 50079585", "three classes, one sigmoid",
         labels(0, 1, 3, "sigmoid", BCE, 1), labels(0, 1, 3), ("OR010",)),
    Case("SO 59325381", "class labels divided by 255", labels(0, 1 / 255, 4), labels(0, 1, 4),
         ("OR010",)),
    Case("keras 1.2 labels from 1", "labels 1..K for K units", labels(1, 1, 3), labels(0, 1, 3),
         ("OR010",)),
    Case("keras 5992", "dropout after the softmax",
         lambda k: _dropout(k, True), lambda k: _dropout(k, False), ("OR019",)),
)  # fmt: skip


def _dropout(keras, last):
    x, y = many_classes(4, seed=12)
    layers = [(16, "relu"), (4, "softmax"), 0.5] if last else [(16, "relu"), 0.5, (4, "softmax")]
    return net(keras, 8, layers, "mse" if last else CCE), x, np.asarray(y)
