"""Accuracy and proved accuracy of a small CNN after certified training for a fixed time.

    python benchmarks/certified_training.py [--data mnist.npz] [--minutes 10] [--radius 0.1]
        [--loss mtl-ibp] [--alpha 0.5] [--images 1000] [--seconds 2]

The network has two convolutions and a dense layer. It is trained with `outrange.training.Certified`
for the given wall time, on all cores that the backend uses. `--data` names a file in the format of
`keras.datasets.mnist` (arrays `x_train`, `y_train`, `x_test`, `y_test`; pixels from 0 to 255).
Without it, the script trains on the 8 x 8 digits of scikit-learn, which only checks the script:

    python benchmarks/certified_training.py --minutes 0.5 --ramp 400 --batch 32 --alpha 0.1
        --images 20

After each epoch, a line shows the time, the accuracy on the test images, the accuracy that interval
bounds prove there, and the fraction proved during training: the curve. At the end,
`outrange.robust_accuracy` decides the first `--images` test images, within `--seconds` each.
"""

import argparse
import math
import os
import time


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers as L

import outrange
from outrange.train.certified.head import OutputBounds, head_of
from outrange.train.certified.interval import TensorBounds
from outrange.train.certified.worst_case import SampleLoss
from outrange.training import Certified


LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def digits():
    """The digits of scikit-learn, every fifth one for the test."""
    from sklearn.datasets import load_digits

    data = load_digits()
    x, y = data.images[..., None] / 16, data.target
    test = np.arange(len(x)) % 5 == 0
    return x[~test], y[~test], x[test], y[test]


def images(path):
    """The images of a file in the format of `keras.datasets.mnist`."""
    with np.load(path) as data:
        parts = [data[name] for name in ("x_train", "y_train", "x_test", "y_test")]
    return parts[0][..., None] / 255, parts[1], parts[2][..., None] / 255, parts[3]


def network(shape, classes):
    """A CNN with two convolutions of stride 2."""
    return keras.Sequential(
        [
            keras.Input(shape),
            L.Conv2D(16, 4, 2, padding="same", activation="relu"),
            L.Conv2D(32, 4, 2, padding="same", activation="relu"),
            L.Flatten(),
            L.Dense(100, activation="relu"),
            L.Dense(classes),
        ]
    )


def proved_by_intervals(model, x, y, radius):
    """The fraction of images whose class interval bounds prove."""
    compiled, head, count = SampleLoss.of(LOSS), head_of(model), 0
    for start in range(0, len(x), 500):
        part, truth = x[start : start + 500], y[start : start + 500]
        ends = (np.clip(part + sign * radius, 0, 1).astype("float32") for sign in (-1, 1))
        bounds = OutputBounds.of(model, TensorBounds(*map(keras.ops.convert_to_tensor, ends)), head)
        margins = keras.ops.convert_to_numpy(compiled.margins(truth, bounds))
        margins[np.arange(len(truth)), truth] = 1.0
        count += int((margins.min(axis=1) > 0).sum())
    return count / len(x)


class Curve(keras.callbacks.Callback):
    """Prints a line per epoch, and ends the training when the time is over."""

    def __init__(self, model, x, y, radius, seconds):
        super().__init__()
        self.net, self.x, self.y, self.radius, self.seconds = model, x, y, radius, seconds
        self.start, self.spent = time.perf_counter(), 0.0

    def on_train_batch_end(self, batch, logs=None):
        if time.perf_counter() - self.start - self.spent > self.seconds:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        begin = time.perf_counter()
        natural = (self.net.predict(self.x, verbose=0).argmax(1) == self.y).mean()
        proved = proved_by_intervals(self.net, self.x, self.y, self.radius)
        print(
            f"{begin - self.start - self.spent:7.0f} s  epoch {epoch + 1:3}  natural {natural:.4f}"
            f"  proved by intervals {proved:.4f}  in training {(logs or {}).get('proved', 0):.4f}",
            flush=True,
        )
        self.spent += time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--radius", type=float, default=0.1)
    parser.add_argument("--loss", default="mtl-ibp")
    parser.add_argument("--alpha", type=float, default=0.5)
    parser.add_argument("--ramp", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    keras.utils.set_random_seed(0)
    x, y, test_x, test_y = images(options.data) if options.data else digits()
    x, test_x = x.astype("float32"), test_x.astype("float32")
    model = network(x.shape[1:], int(y.max()) + 1)
    trained = Certified(
        model, options.radius, options.loss, options.alpha, ramp=options.ramp, clip=(0, 1)
    )
    trained.compile(keras.optimizers.Adam(options.rate), LOSS)
    curve = Curve(model, test_x, test_y, options.radius, 60 * options.minutes)
    trained.fit(
        x, y, batch_size=options.batch, epochs=10**6, shuffle=True, verbose=0, callbacks=[curve]
    )
    count = min(options.images, len(test_x))
    perturbed = outrange.Perturbation(options.radius, clip=(0, 1))
    answer = outrange.robust_accuracy(
        model, test_x[:count], test_y[:count], perturbed, each=options.seconds, time_limit=math.inf
    )
    print(answer)


if __name__ == "__main__":
    main()
