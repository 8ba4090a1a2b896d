"""scikit-learn estimators, such as perceptrons, linear models, and pipelines with scalers."""

from .load import load_sklearn as load_sklearn
