"""Graphs of scikit-learn estimators compute what the estimators compute."""

import warnings
from fractions import Fraction

import numpy as np
import pytest


pytest.importorskip("sklearn")
pytest.importorskip("pandas")


import pandas as pd
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)

import outrange
from outrange.core import InputError, ModelError, UnsupportedError
from outrange.graph.float32 import FLOAT32, FLOAT64


SMALL = {"hidden_layer_sizes": (6, 5), "max_iter": 30, "random_state": 0}


def data():
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"speed": rng.uniform(0, 30, 80), "mode": rng.integers(0, 3, 80)})
    table["temperature"] = rng.normal(20, 5, 80)
    return table


TABLE = data()
TARGET = 2.0 * TABLE["speed"] - TABLE["temperature"]
TWO = TARGET.gt(TARGET.mean()).astype(int)
THREE = TABLE["mode"].map({0: "low", 1: "mid", 2: "high"})


def regressor(**options):
    return MLPRegressor(**(SMALL | options))


def classifier(**options):
    return MLPClassifier(**(SMALL | options))


MODELS = {
    "relu": (regressor(), TARGET),
    "tanh, two outputs": (regressor(activation="tanh"), np.stack([TARGET, -TARGET], axis=1)),
    "identity": (regressor(activation="identity"), TARGET),
    "two classes": (classifier(activation="logistic"), TWO),
    "three classes": (classifier(), THREE),
    "several labels": (classifier(), np.stack([TWO, 1 - TWO, TWO], axis=1)),
    "standard": (make_pipeline(StandardScaler(), regressor()), TARGET),
    "standard, no mean": (make_pipeline(StandardScaler(with_mean=False), regressor()), TARGET),
    "standard, no scale": (make_pipeline(StandardScaler(with_std=False), regressor()), TARGET),
    "min max": (make_pipeline(MinMaxScaler((-1, 2), clip=True), classifier()), TWO),
    "robust, max abs": (make_pipeline(RobustScaler(), MaxAbsScaler(), regressor()), TARGET),
    "nothing, pca": (make_pipeline("passthrough", PCA(2, whiten=True), regressor()), TARGET),
    "columns": (
        make_pipeline(
            ColumnTransformer(
                [("scaled", StandardScaler(), ["temperature", "speed"])], remainder="passthrough"
            ),
            regressor(),
        ),
        TARGET,
    ),
    "weighted columns": (
        make_pipeline(
            ColumnTransformer(
                [("scaled", StandardScaler(), [0]), ("kept", "passthrough", [1]),
                 ("narrowed", MinMaxScaler(), [2])],
                transformer_weights={"scaled": 10.0, "narrowed": -0.3},
            ),
            Ridge(),
        ),
        TARGET,
    ),
    "dropped": (
        make_pipeline(ColumnTransformer([("kept", "passthrough", [0, 2])]), regressor()),
        TARGET,
    ),
    "target": (TransformedTargetRegressor(regressor(), transformer=StandardScaler()), TARGET),
    "target by range": (
        TransformedTargetRegressor(regressor(), transformer=MinMaxScaler()), TARGET,
    ),
    "search": (GridSearchCV(regressor(max_iter=5), {"alpha": [0.1, 1.0]}, cv=2), TARGET),
    "ridge": (Ridge(), TARGET),
    "logistic": (make_pipeline(StandardScaler(), LogisticRegression()), TWO),
    "multinomial": (LogisticRegression(max_iter=20), THREE),
}  # fmt: skip


def fit_quietly(name, table):
    model, target = MODELS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Convergence is not the matter here.
        return model.fit(table, target)


def outputs_of(model, table):
    run = model.predict_proba if hasattr(model, "predict_proba") else model.predict
    return np.asarray(run(table)).reshape(len(table), -1)


@pytest.mark.parametrize("name", MODELS)
def test_the_graph_is_the_estimator_in_float64(name):
    model = fit_quietly(name, TABLE)
    network = outrange.load(model)
    expected, outputs = outputs_of(model, TABLE), network.graph.run(TABLE.to_numpy(np.float64))
    np.testing.assert_allclose(outputs, expected, rtol=1e-9, atol=1e-11)
    assert [slot.name for slot in network.graph.inputs] == list(TABLE.columns)
    np.testing.assert_array_equal(network.predict(TABLE.to_numpy(np.float64)), expected)
    assert network.source is not None and len(network.source.sha256) == 64


@pytest.mark.parametrize("name", ["standard", "min max", "columns"])
def test_a_range_holds_what_is_predicted_in_the_box(name, rng):
    model = fit_quietly(name, TABLE)
    box = {"speed": (5, 10), "mode": 1.0, "temperature": (18, 20)}
    answer = outrange.output_range(model, box, tol=1e-4, time_limit=20)
    table = pd.DataFrame(
        {"speed": rng.uniform(5, 10, 300), "mode": 1.0, "temperature": rng.uniform(18, 20, 300)}
    )
    seen = outputs_of(model, table)
    assert (answer.lo - 1e-9 <= seen.min(axis=0)).all()
    assert (seen.max(axis=0) <= answer.hi + 1e-9).all()
    attained = pd.DataFrame(answer.at_hi).iloc[[0]]
    assert outputs_of(model, attained)[0, 0] == pytest.approx(answer.seen_hi[0], abs=1e-6)


def test_whitening_divides_by_the_smallest_deviations():
    rng = np.random.default_rng(0)
    x = np.stack([rng.normal(size=50), 1e-9 * rng.normal(size=50)], axis=1)
    model = PCA(2, whiten=True, svd_solver="full").fit(x)
    assert model.explained_variance_[1] < np.finfo(np.float64).eps
    graph = outrange.load(model).graph
    np.testing.assert_allclose(graph.run(x), model.transform(x), rtol=1e-6)


@pytest.mark.parametrize("whiten", [False, True])
def test_means_that_cancel_are_subtracted_from_the_data(whiten):
    """Check `(x - mean) @ components.T`, without the rounding of `mean @ components.T`."""
    model = PCA(1, whiten=whiten).fit(np.random.default_rng(0).normal(size=(9, 2)))
    model.mean_, model.components_ = np.array([1e12, 3e12 + 0.25]), np.array([[0.3, -0.1]])
    model.explained_variance_ = np.array([4.0])
    pairs = list(zip(model.mean_.tolist(), model.components_[0].tolist(), strict=True))
    exact = -sum(Fraction(mean) * Fraction(part) for mean, part in pairs) / (2 if whiten else 1)
    point = np.zeros(2)
    answer = outrange.output_range(model, (point, point))
    assert Fraction(answer.lo[0]) <= exact <= Fraction(answer.hi[0])


def test_numbers_fitted_to_float32_are_read_as_they_are():
    x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    for model in (MaxAbsScaler(), RobustScaler(), MinMaxScaler()):
        data = x.astype(np.float64)
        expected = model.fit(x).transform(data)
        np.testing.assert_allclose(outrange.load(model).graph.run(data), expected, rtol=1e-14)
    assert outrange.load(MaxAbsScaler().fit(x)).computed is FLOAT32
    assert outrange.load(MaxAbsScaler().fit(x.astype(np.float64))).computed is FLOAT64


@pytest.mark.parametrize("off", [1e-12, 1e-9, 1e-7])
def test_an_estimator_in_float64_is_compared_in_float64(off):
    model = fit_quietly("standard", TABLE)
    predict = model.predict
    outrange.load(model)
    model.predict = lambda x: predict(x) * (1.0 + off)
    try:
        with pytest.raises(ModelError, match="float64 rounding explains"):
            outrange.load(model)
    finally:
        del model.predict


def test_arrays_leave_the_features_without_names():
    model = fit_quietly("relu", TABLE.to_numpy())
    assert [slot.name for slot in outrange.load(model).graph.inputs] == ["x"]
    assert outrange.output_range(model, (0, 1), tol=1e-2).at_lo.shape == (1, 3)


def test_a_summary_names_steps_and_layers():
    model = fit_quietly("standard", TABLE)
    layers = [(layer.path, layer.kind, layer.parameters) for layer in outrange.load(model).layers]
    assert layers == [
        ("standardscaler", "StandardScaler", 0),
        ("layer_1", "relu", 24),
        ("layer_2", "relu", 35),
        ("layer_3", "identity", 6),
    ]
    assert "layer_1 (relu)" in str(outrange.summary(model, (0, 1)))


def test_classes_are_places_in_classes():
    model = fit_quietly("three classes", TABLE)
    labels = [list(model.classes_).index(label) for label in THREE[:6]]
    answer = outrange.robust_accuracy(model, TABLE[:6], labels, 0.0)
    assert answer.accuracy == pytest.approx((model.predict(TABLE[:6]) == THREE[:6]).mean())


def test_another_fit_has_another_hash():
    first = outrange.load(fit_quietly("standard", TABLE)).source
    assert outrange.load(fit_quietly("standard", TABLE)).source == first
    moved = outrange.load(fit_quietly("standard", TABLE * [1.0, 1.0, 2.0])).source
    assert moved != first


def test_what_cannot_be_read_is_named():
    powers = make_pipeline(PolynomialFeatures(2), Ridge()).fit(TABLE, TARGET)
    with pytest.raises(
        UnsupportedError, match="`polynomialfeatures` must be a supported scikit-learn estimator"
    ):
        outrange.load(powers)
    for step, advice in ((OneHotEncoder(), "get_dummies"), (SimpleImputer(), "Fill the missing")):
        with pytest.raises(UnsupportedError, match=advice):
            outrange.load(make_pipeline(step, Ridge()).fit(TABLE, TARGET))
    with pytest.raises(ModelError, match="call `fit` first"):
        outrange.load(MLPRegressor())

    class Mine(MLPRegressor):
        def predict(self, X):
            return 2.0 * super().predict(X)

    with pytest.raises(UnsupportedError, match="Mine"):
        outrange.load(Mine(**SMALL).fit(TABLE, TARGET))
    broken = fit_quietly("relu", TABLE)
    broken.predict = lambda x: np.zeros(len(x))
    with pytest.raises(ModelError, match="must compute what the model computes"):
        outrange.load(broken)
    del broken.predict
    with pytest.raises(InputError, match="no input named `sped`"):
        outrange.output_range(broken, {"sped": 1})
