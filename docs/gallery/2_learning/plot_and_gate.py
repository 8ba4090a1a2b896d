"""The AND gate: which activation with which loss?
===============================================

One neuron learns AND from four rows. ``compare`` trains every combination from the same initial
weights and explains each failure, with a proof if possible.
"""

import textwrap

import keras
import matplotlib.pyplot as plt
import numpy as np

import outrange


x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([0, 0, 0, 1])


def neuron(activation):
    """Build one neuron; all models of the comparison start from the same weights."""
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation=activation)])


study = outrange.compare(
    neuron, x, y,
    candidates={
        "activation": ["sigmoid", "tanh", "relu", "softmax"],
        "loss": ["binary_crossentropy", "mse"],
        "optimizer": {"adam": keras.optimizers.Adam(0.1)},
    },
    training={"starts": 3, "epochs": 60},
)
print("best:", ", ".join(study.best_pair))

# %%
# The next cell prints why the other combinations fail:

for combination in study.combinations:
    for reason in combination.why[:1]:
        print(f"{combination.activation}, {combination.loss}: {reason.level}")
        print(textwrap.indent(textwrap.fill(reason.sentence, 86), "    "))

# %%
# The plot shows the accuracy of every combination:

fig, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
_ = study.plot_heatmap(ax=ax)
plt.show()

# %%
# The next plot shows the trained gate: the exact range of its output around each row of the
# table, if each input may be off by 0.2.

keras.utils.set_random_seed(0)
gate = neuron("sigmoid")
gate.compile(keras.optimizers.Adam(0.3), "binary_crossentropy")
gate.fit(x, y, epochs=100, verbose=0)
fig, ax = plt.subplots(figsize=(6.4, 2.6), layout="constrained")
for place, row in enumerate(x):
    near = outrange.output_range(gate, outrange.ball(row.astype(float), 0.2))
    ax.barh(place, near.hi[0] - near.lo[0], left=near.lo[0], height=0.6, color="#b7c9e8")
    ax.plot(gate.predict(row[None], verbose=0)[0], [place], "o", color="#1f4e9c")
ax.axvline(0.5, color="#888", linestyle=":")
ax.set(yticks=range(4), yticklabels=[f"{a} and {b}" for a, b in x], xlim=(0, 1))
ax.set(xlabel="output: at the row (dot), within 0.2 of it (bar)")
ax.set_title("AND, with inputs that are off by 0.2")
plt.show()
