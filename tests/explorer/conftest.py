"""A running explorer and one of its pages, for the tests in Chromium."""

import pytest

from explorer import chromium


DONE = "[data-stage=done]"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Return a network 5-64-64-4."""
    keras = pytest.importorskip("keras")
    path = tmp_path_factory.mktemp("explorer") / "net.keras"
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(64, activation="relu") for _ in range(2)]
    net = keras.Sequential([keras.Input((5,)), *layers, keras.layers.Dense(4)], name="net")
    net.save(path)
    return str(path)


@pytest.fixture(scope="module")
def server(model):
    chromium.chromium()
    with chromium.Server(model).running() as running:
        yield running


@pytest.fixture(scope="module")
def engine():
    with chromium.browser() as browser:
        yield browser


@pytest.fixture
def page(server, engine):
    context = engine.new_context(viewport={"width": 1280, "height": 900})
    made, faults = context.new_page(), []
    made.on("pageerror", lambda error: faults.append(str(error)))
    made.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    made.goto(server.url)
    made.wait_for_selector(DONE)
    yield made
    context.close()
    assert not faults
