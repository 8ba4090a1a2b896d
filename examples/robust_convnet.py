"""Prove the robust accuracy of a small convolutional classifier on 100 images.

    python examples/robust_convnet.py --plot adversarial.png

Images of seven-segment digits are drawn, shifted and made noisy; a small network is trained on
them by `fit`. Then `robust_accuracy` proves how many of 100 new images are classified correctly
under every perturbation of up to `--eps` per pixel, and `robustness` the radius of one image.
"""

import argparse
import os
import time


os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import outrange


SIDE = 12
SEGMENTS = {  # rows and columns of each stroke: top, middle, bottom, and the four uprights
    "t": (slice(1, 2), slice(3, 8)), "m": (slice(5, 6), slice(3, 8)),
    "b": (slice(9, 10), slice(3, 8)),
    "l": (slice(1, 6), slice(3, 4)), "L": (slice(5, 10), slice(3, 4)),
    "r": (slice(1, 6), slice(7, 8)), "R": (slice(5, 10), slice(7, 8)),
}  # fmt: skip
DIGITS = ("tblLrR", "rR", "trmLb", "trmRb", "lmrR", "tlmRb", "tlmLRb", "trR", "tlrmLRb", "tlrmRb")


def images(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw images `(count, 12, 12, 1)` in [0, 1], and return them with their digits."""
    labels = rng.integers(0, 10, count)
    x = np.zeros((count, SIDE, SIDE))
    for image, label in zip(x, labels, strict=True):
        strokes = np.zeros((SIDE, SIDE))
        for name in DIGITS[label]:
            strokes[SEGMENTS[name]] = 1.0
        shift = rng.integers(-1, 2, 2)
        image[:] = np.roll(strokes, shift, axis=(0, 1)) * rng.uniform(0.7, 1.0)
    x += 0.1 * rng.standard_normal(x.shape)
    return np.clip(x, 0, 1)[..., None].astype("float32"), labels


def train(rng: np.random.Generator, epochs: int) -> keras.Model:
    """Build and fit the network."""
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 1)),
            keras.layers.Conv2D(6, 3, strides=2, activation="relu"),
            keras.layers.Conv2D(12, 3, strides=2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    x, y = images(4000, rng)
    model.fit(x, y, epochs=epochs, batch_size=64, verbose=0)
    return model


def main() -> None:
    """Train the network, prove its robust accuracy and plot adversarial inputs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--eps", type=float, default=0.05, help="largest perturbation of a pixel")
    parser.add_argument("--count", type=int, default=100, help="number of images")
    parser.add_argument("--each", type=float, default=5.0, help="seconds per image")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--file", help="file that keeps results, to resume from")
    parser.add_argument("--plot", help="file for a plot of the adversarial inputs")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    network = outrange.load(train(rng, options.epochs))
    x, y = images(options.count, rng)
    begin = time.perf_counter()
    answer = outrange.robust_accuracy(
        network,
        x,
        y,
        outrange.Perturbation(options.eps, clip=(0, 1)),
        each=options.each,
        file=options.file,
    )
    print(f"{answer}\n{time.perf_counter() - begin:.1f} s for {options.count} images\n")
    pixels = outrange.Perturbation(clip=(0, 1))
    radius = outrange.robustness(
        network, x[0], int(y[0]), perturbation=pixels, tol=0.05, time_limit=30
    )
    print(f"The first image, a {y[0]}: {radius.sentence}")
    if options.plot and answer.adversarial:
        answer.plot().savefig(options.plot)
        print(
            f"{options.plot} shows the perturbations of {min(8, len(answer.adversarial))} of them."
        )


if __name__ == "__main__":
    main()
