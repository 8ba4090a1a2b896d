"""A table of houses, a model of their prices, and the text of a report's page."""

import re

import numpy as np
import pytest


keras = pytest.importorskip("keras")
pandas = pytest.importorskip("pandas")


def houses(count=40):
    """Return a table of houses, with an area, integer rooms and a city of three, and prices."""
    rng = np.random.default_rng(0)
    city = pandas.Series(rng.choice(list("ABC"), count))
    table = {"area": rng.uniform(30, 250, count), "rooms": rng.integers(1, 9, count)}
    frame = pandas.concat(
        [pandas.DataFrame(table), pandas.get_dummies(city, prefix="city").astype(int)], axis=1
    )
    return frame, pandas.Series(frame.area * 3, name="price")


def model():
    net = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(6, "relu"), keras.layers.Dense(1)], name="sequential"
    )
    rng = np.random.default_rng(1)
    net.set_weights([rng.normal(size=w.shape) for w in net.get_weights()])
    return net


def words(page):
    """Return the text of a page, without figures, code, and the parts for developers."""
    page = page[page.index("<body") : page.index('<section id="reproduce"')]
    page = re.sub(r'<section id="diagnosis".*?</section>', " ", page, flags=re.S)
    page = re.sub(r"<(svg|pre|style)\b.*?</\1>", " ", page, flags=re.S)
    return " ".join(re.sub("<[^>]*>", " ", page).split())
