"""Categorical inputs: integers and one-hot columns
================================================

A price model is trained on a table with an integer column and a group of one-hot columns. The input
set respects both: no house has 3.7 rooms, and no house is partly in one city and partly in another.
"""

import textwrap
import warnings

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import outrange


keras.utils.set_random_seed(3)
rng = np.random.default_rng(3)
n = 400
cities = np.array(["Bern", "Lyon", "Turin"])
city = rng.choice(cities, n)
table = pd.DataFrame({"area": rng.uniform(30, 200, n), "rooms": rng.integers(1, 8, n)})
table = pd.concat([table, pd.get_dummies(pd.Series(city), prefix="city")], axis=1)
factor = pd.Series(city).map({"Bern": 1.6, "Lyon": 1.2, "Turin": 0.9})
price = table.area * 3 * factor + 12 * table.rooms + rng.normal(0, 10, n)  # thousand euros

x, target = table.to_numpy(np.float32), price.to_numpy(np.float32)[:, None]
scale = keras.layers.Normalization()
scale.adapt(x)
model = keras.Sequential([
    keras.Input((5,)), scale, keras.layers.Dense(16, "relu"), keras.layers.Dense(8, "relu"),
    keras.layers.Dense(1, name="price"),
])  # fmt: skip
model.compile(keras.optimizers.Adam(0.02), "mse")
history = model.fit(x, target, epochs=60, batch_size=50, verbose=0)

# %%
# The DataFrame is the input set. A warning names the integer and one-hot columns:

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    answer = outrange.output_range(model, table)
print(*[textwrap.fill(str(w.message), 86) for w in caught if "one-hot" in str(w.message)])
print(answer)

# %%
# The inputs with the highest price describe a possible house:

print({name: float(np.ravel(value)[0]) for name, value in answer.at_hi.items()})

# %%
# The dark bars show the range over the table and over each city. The pale bar shows the range if
# fractions of rooms and mixtures of cities are allowed:

reals = outrange.data_box(table, whole=False)
ranges = {"all real values": outrange.output_range(model, reals), "the table": answer}
for name in cities:
    rows = table[table[f"city_{name}"]]
    ranges[name] = outrange.output_range(model, outrange.data_box(rows, whole=True))

fig, ax = plt.subplots(figsize=(6.4, 3.0), layout="constrained")
for i, bounds in enumerate(ranges.values()):
    lo, hi = float(bounds.lo[0]), float(bounds.hi[0])
    ax.barh(i, hi - lo, left=lo, color="#1f4e9c" if i else "#b7c9e8")
    ax.text(hi, i, f" {hi:,.0f}", va="center", fontsize="small")
ax.set_yticks(range(len(ranges)), list(ranges))
ax.invert_yaxis()
ax.set(xlabel="price [thousand euros]", title="Proved prices of the model")
ax.margins(x=0.12)
plt.show()
