"""SimpleRNN(4) and Dense(2) on one time step of four inputs: which neurons are connected?

With one time step the recurrent weights multiply a state of zeros: there is no feedback. The exact
ranges of both outputs, and the difference to a network with other recurrent weights, prove it.
"""

import keras
import numpy as np

import outrange


keras.utils.set_random_seed(0)
model = keras.Sequential([
    keras.Input((1, 4)),
    keras.layers.SimpleRNN(4),
    keras.layers.Dense(2),
])  # fmt: skip
rng = np.random.default_rng(0)
x = rng.uniform(-1, 1, (128, 1, 4)).astype("float32")
y = np.stack([x[:, 0, 0] * x[:, 0, 1], x[:, 0, 2]], axis=1)
model.compile("adam", "mse")
model.fit(x, y, epochs=5, verbose=0)

answer = outrange.output_range(model, (-1, 1), tol=1e-3, time_limit=30)
for output in range(2):
    print(f"output {output}: [{answer.lo[output]:.5f}, {answer.hi[output]:.5f}], {answer.reason}")

# The recurrent weights have no influence on one step: other weights give the same network.
other = keras.models.clone_model(model)
weights = model.get_weights()
other.set_weights([weights[0], weights[1] + 1.0, *weights[2:]])
apart = outrange.difference_range(model, other, (-1, 1), time_limit=30)
print(f"with other recurrent weights: at most {np.abs([apart.lo, apart.hi]).max():g} apart")
