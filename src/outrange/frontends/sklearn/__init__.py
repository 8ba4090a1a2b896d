"""Estimators of scikit-learn: perceptrons, linear models, and pipelines of scalers before them."""

from .load import load_sklearn as load_sklearn
