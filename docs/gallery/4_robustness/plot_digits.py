"""Robust accuracy of a CNN
========================

A small convolutional network learns to classify scanned digits of 8 by 8 pixels. Does its answer
stay correct when every pixel is perturbed slightly?
"""

import keras
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

import outrange


data = load_digits()
x = (data.images / 16)[..., None].astype("float32")
keras.utils.set_random_seed(0)
model = keras.Sequential([
    keras.Input((8, 8, 1), name="scan"),
    keras.layers.Conv2D(6, 3, strides=2, activation="relu"),
    keras.layers.Flatten(),
    keras.layers.Dense(24, "relu"),
    keras.layers.Dense(10, name="digit"),
])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
model.fit(x[:1500], data.target[:1500], epochs=8, batch_size=128, verbose=0)
print(f"accuracy on 297 others: {model.evaluate(x[1500:], data.target[1500:], verbose=0)[1]:.1%}")

# %%
# Every pixel may change by up to 0.06 (black is 0, white is 1):

perturbed = outrange.Perturbation(0.06, clip=(0, 1))
share = outrange.robust_accuracy(
    model, x[1500:1512], data.target[1500:1512], perturbed, each=1.0
)
print(share)

# %%
# For each scan with an adversarial perturbation, the plot shows the scan, the perturbation and the
# result.

share.plot()
plt.show()
