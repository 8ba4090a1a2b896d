"""A robustness curve
==================

A robustness curve shows the accuracy against the size of the perturbation. Here the model
classifies wines by their chemical analysis. An attack gives the upper line, and a proof gives the
lower line. The wines between the two lines are undecided.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine

import outrange


data = load_wine()
x = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
order = np.random.default_rng(0).permutation(len(x))
train, test = order[:120], order[120:150]
keras.utils.set_random_seed(0)
model = keras.Sequential([
    keras.Input((13,), name="analysis"),
    keras.layers.Dense(16, "relu"),
    keras.layers.Dense(3, name="cultivar"),
])
model.compile(
    keras.optimizers.Adam(0.01),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
)
model.fit(x[train], data.target[train], epochs=30, verbose=0)

# %%
# Inputs are measured in standard deviations. So a perturbation of 0.5 changes every measurement by
# up to half a standard deviation.

curve = outrange.robust_accuracy(
    model, x[test], data.target[test], eps=[0.05, 0.2, 0.4, 0.6, 0.8], each=0.5
)
print(curve)
print(f"undecided, at most: {(curve.hi - curve.lo).max():.0%} of the wines")

# %%
curve.plot()
plt.show()
