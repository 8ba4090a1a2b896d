"""Reader of scikit-learn estimators, such as perceptrons, linear models, and their pipelines."""

from .load import load_sklearn as load_sklearn
