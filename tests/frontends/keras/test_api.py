"""Choice of the backend that Keras is started on, and the errors if none is installed."""

import importlib.util
import sys

import pytest

from outrange.core import InputError, ModelError
from outrange.frontends.keras import api


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """Unload Keras and its settings; return a function that sets the installed packages."""
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    real = importlib.util.find_spec

    def install(*names):
        find_spec = (*api.BACKENDS, "keras")
        monkeypatch.setattr(
            importlib.util,
            "find_spec",
            lambda name, *rest: (name in names or None) if name in find_spec else real(name, *rest),
        )

    install.home = tmp_path
    return install


@pytest.mark.parametrize(
    ("installed", "choice"),
    [
        (("jax",), "jax"),
        (("torch",), "torch"),
        (("jax", "torch"), "jax"),
        (("tensorflow", "jax"), None),
    ],
)
def test_an_installed_backend_is_taken(fresh, installed, choice):
    fresh("keras", *installed)
    assert api._backend_to_set() == choice


def test_the_users_choice_stands(fresh, monkeypatch):
    fresh("keras", "jax", "torch")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert api._backend_to_set() is None


def test_the_settings_file_stands_if_its_backend_is_there(fresh):
    fresh("keras", "jax", "torch")
    (fresh.home / "keras.json").write_text('{"backend": "torch"}')
    assert api._backend_to_set() is None
    (fresh.home / "keras.json").write_text('{"backend": "tensorflow"}')
    assert api._backend_to_set() == "jax"


def test_a_chosen_backend_that_is_missing(fresh, monkeypatch):
    fresh("keras", "torch")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(ModelError, match="pip install jax"):
        api.keras()


@pytest.mark.parametrize(("named", "settled"), [("pytorch", "jax"), (None, "pytorch")])
def test_a_backend_that_keras_does_not_have(fresh, monkeypatch, named, settled):
    fresh("keras", "jax")
    (fresh.home / "keras.json").write_text(f'{{"backend": "{settled}"}}')
    if named:
        monkeypatch.setenv("KERAS_BACKEND", named)

    def refuse(name):
        raise ValueError(f"Unable to import backend : {named or settled}")

    monkeypatch.setattr(api.importlib, "import_module", refuse)
    with pytest.raises(InputError) as refused:
        api.keras()
    message = str(refused.value)
    assert "KERAS_BACKEND to an installed one (jax)" in message
    assert message.endswith("Received: 'pytorch'. Did you mean `torch`?")


def test_no_backend(fresh):
    fresh("keras")
    with pytest.raises(ModelError, match="none is installed"):
        api.keras()


def test_no_keras(fresh):
    fresh("jax")
    with pytest.raises(ModelError, match=r"pip install keras"):
        api.keras()


def test_an_old_keras(monkeypatch):
    old = type(sys)("keras")
    old.__version__ = "3.9.2"
    monkeypatch.setitem(sys.modules, "keras", old)
    with pytest.raises(ModelError, match=r"3\.12.*Received: keras 3\.9\.2"):
        api.keras()
