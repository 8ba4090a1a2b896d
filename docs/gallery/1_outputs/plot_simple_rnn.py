"""SimpleRNN: what is connected to what?
=====================================

"Are the four units of ``SimpleRNN(4)`` connected to each other?" From one time step to the next,
they are. Within one step, they are not. Ranges show this: fix all inputs except one, and see
whether an output can still change.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np

import outrange


def network(steps, factor=1.0):
    """Build four recurrent units and multiply their recurrent weights by a factor."""
    keras.utils.set_random_seed(0)
    layer = keras.layers.SimpleRNN(4, return_sequences=True, name="rnn")
    model = keras.Sequential([keras.Input((steps, 2)), layer])
    kernel, recurrent, bias = layer.get_weights()
    layer.set_weights([kernel, factor * recurrent, bias])
    return model


# %%
# With recurrent weights of 0, there is no feedback. How much does this network differ from the
# original on a single time step?

apart = outrange.difference_range(network(1), network(1, factor=0.0), (-1, 1))
print("at most", max(abs(apart.lo).max(), abs(apart.hi).max()), "apart")

# %%
# With one time step, a SimpleRNN is a Dense layer. With three steps, which step's input affects
# which step's output? Let the input of one step vary, and fix the others at 0.

model = outrange.load(network(3))
width = np.zeros((3, 3))
for moved in range(3):
    lo, hi = np.zeros((3, 2)), np.zeros((3, 2))
    lo[moved], hi[moved] = -1, 1
    answer = outrange.output_range(model, (lo, hi), tol=0.01, budget=1)
    width[moved] = (answer.hi - answer.lo).max(axis=1)

fig, ax = plt.subplots(figsize=(5.2, 3.4), layout="constrained")
image = ax.imshow(width, cmap="Blues", vmin=0)
for (row, column), value in np.ndenumerate(width):
    ax.text(column, row, f"{value:.2f}", ha="center", va="center",
            color="white" if value > width.max() / 2 else "black")
ax.set(xticks=range(3), yticks=range(3))
ax.set(xlabel="step of the output", ylabel="step whose input varies")
ax.set_xticklabels([1, 2, 3])
ax.set_yticklabels([1, 2, 3])
ax.set_title("Widest range of a unit: no influence backward in time")
plt.show()
