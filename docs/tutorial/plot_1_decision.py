"""From fit to a decision
======================

A charger chooses the current for a battery cell. A network has learned this choice from
measurements. Is the network safe to ship? This page trains the network, bounds its outputs, checks
a safety rule, and compares two remedies. It takes a few seconds to run.

Train
-----

The three inputs have units and are scaled inside the model. So all questions use the units of the
data: degrees, percent and cycles.
"""

from itertools import pairwise

import keras
import matplotlib.pyplot as plt
import numpy as np

import outrange
from outrange import x, y


rng = np.random.default_rng(0)


def measure(count):
    """Draw temperature [°C], state of charge [%], age [cycles], and the right current [C]."""
    rows = {
        "temperature": rng.uniform(-20, 45, (count, 1)),
        "charge": rng.uniform(0, 100, (count, 1)),
        "age": rng.uniform(0, 1000, (count, 1)),
    }
    warm = np.interp(rows["temperature"], [-20, 0, 20, 35, 45], [0.1, 0.25, 1.0, 1.0, 0.5])
    current = warm * (1.1 - rows["charge"] / 100) * (1 - 0.3 * rows["age"] / 1000)
    return rows, current + 0.02 * rng.normal(size=(count, 1))


def build():
    """Build a network of 32 relus between scaled inputs and the current."""
    keras.utils.set_random_seed(1)
    inputs = {name: keras.Input((1,), name=name) for name in ("temperature", "charge", "age")}
    scaled = [
        keras.layers.Rescaling(1 / 32.5, offset=-12.5 / 32.5)(inputs["temperature"]),
        keras.layers.Rescaling(1 / 50, offset=-1.0)(inputs["charge"]),
        keras.layers.Rescaling(1 / 500, offset=-1.0)(inputs["age"]),
    ]
    hidden = keras.layers.Concatenate()(scaled)
    for name in ("hidden_1", "hidden_2"):
        hidden = keras.layers.Dense(16, "relu", name=name)(hidden)
    current = keras.layers.Dense(1, name="current")(hidden)
    return keras.Model(inputs, current, name="charger")


rows, current = measure(2000)
fresh, truth = measure(1000)
model = build()
model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
model.fit(rows, current, epochs=15, batch_size=100, verbose=0)
print(f"mean error on fresh measurements: {model.evaluate(fresh, truth, verbose=0)[1]:.3f} C")

# %%
# A test set shows only this mean error. It says nothing about inputs that were never measured.
#
# What can it output?
# -------------------
#
# The input set is the whole operating range, as a dict of intervals:

operating = {"temperature": (-20, 45), "charge": (0, 100), "age": (0, 1000)}
answer = outrange.output_range(model, operating)
print(answer)

# %%
# Both bounds are proved, and both are attained at the printed inputs. A negative current would
# *discharge* the cell. Does any input of the test set lead to a negative current?

tested = model.predict(fresh, verbose=0)
print(f"test inputs with a negative current: {(tested < 0).sum()} of {len(tested):,}")
print(f"least current tested: {tested.min():.4f} C; least of all: {answer.lo[0]:.4f} C")

# %%
# Where does it come from?
# ------------------------
#
# ``summary`` bounds every layer on this set. A network does not need units that are dead or always
# on.

layers = outrange.summary(model, operating)
print(layers)
still = layers.total("dead") + layers.total("always_on")
print(f"units without a kink on this set: {still} of 32")

# %%
# Does it follow the rule?
# ------------------------
#
# Below 0 °C, a cell must not be charged with more than 0.3 C. The property is a condition on the
# output. The input set is the part of the operating range below 0 °C.

cold = operating | {"temperature": (-20, 0)}
verdict = outrange.verify(model, y[0] <= 0.3, cold)
print(verdict)

# %%
# A verdict of ``VIOLATED`` comes with an input on which the Keras model itself was run. How large
# is the worst violation, where does it occur, and what fraction of the cold range breaks the rule?

worst = outrange.maximize(model, y[0], cold)
bad = outrange.bad_inputs(model, y[0] <= 0.3, cold, share_tol=0.002, time_limit=3)
print(f"worst case: {worst.hi:.4f} C (proved), and {worst.lo:.4f} C is reached at")
print({name: round(float(np.ravel(value)[0]), 1) for name, value in worst.at.items()})
print(f"share of the cold inputs that break the rule: {bad.share_lo:.2%} to {bad.share_hi:.2%}")

# %%
# The plot shows the current against the temperature for a new and empty cell, with the proved range
# for each interval of 5 degrees:

temperature = np.linspace(-20, 45, 14)  # every 5 degrees


def envelope(network):
    """Return the proved range of the current between each two of these temperatures."""
    ends = []
    for span in pairwise(temperature):
        box = operating | {"temperature": span}
        ends.append(outrange.output_range(network, box, tol=1e-3, time_limit=1))
    return [e.lo[0] for e in ends], [e.hi[0] for e in ends]


def draw(ax, network, title):
    """Draw the envelope, the rule, and the new and empty cell."""
    loaded = outrange.load(network)
    lo, hi = envelope(loaded)
    ax.stairs(
        hi, temperature, baseline=lo, fill=True, color="#b7c9e8", label="proved range"
    )
    new = {"temperature": temperature[:, None], "charge": 0 * temperature[:, None]}
    new["age"] = new["charge"]
    ax.plot(temperature, network.predict(new, verbose=0), color="#1f4e9c", label="new, empty cell")
    ax.plot([-20, 0, 0], [0.3, 0.3, 1.2], color="#b3312c", linestyle="--", label="the rule")
    ax.set(title=title, xlabel="temperature [°C]", ylim=(-0.15, 1.3))


fig, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
words = {"HOLDS": "follows the rule", "VIOLATED": "breaks the rule", "UNKNOWN": "is not decided"}
draw(ax, model, f"As trained: it {words[verdict.status]} below 0 °C")
ax.set_ylabel("current [C]")
ax.legend(loc="upper left", fontsize="small")
plt.show()

# %%
# Two remedies
# ------------
#
# *Train on counterexamples.* Add counterexamples to the training data, with a current that the rule
# allows as the target. A few rounds of "find, add, train" often help. Each round ends with a proof
# or with new counterexamples.

taught = build()
taught.set_weights(model.get_weights())
taught.compile(keras.optimizers.Adam(0.003), "mse", metrics=["mae"])
more, target = {name: [v] for name, v in rows.items()}, [current]
for trial in range(1, 6):
    bad = outrange.counterexamples(taught, y[0] <= 0.3, cold, count=8, time_limit=2)
    if not bad.examples:
        break
    for example in bad.examples:
        for name, value in example.x.items():
            more[name].append(np.repeat(np.reshape(value, (1, 1)), 20, axis=0))
        target.append(np.full((20, 1), 0.25))
    taught.fit({n: np.concatenate(v) for n, v in more.items()}, np.concatenate(target),
               epochs=4, batch_size=100, verbose=0)
    print(f"round {trial}: {outrange.verify(taught, y[0] <= 0.3, cold, time_limit=5).status}")

# %%
# *Make it impossible.* A layer that caps the current at the allowed value needs no training, and
# its proof does not depend on luck. The cap is 0.3 C up to 0 °C and rises by 0.1 C per degree above
# that.

cap = keras.layers.Lambda(lambda t: 0.3 + 0.1 * keras.ops.relu(t), output_shape=(1,), name="cap")(
    model.input["temperature"]
)
safe = keras.layers.Minimum(name="capped")([model.output, cap])
safe = keras.layers.ReLU(name="current_out")(safe)
clamped = keras.Model(model.input, safe, name="clamped")
clamped.compile("sgd", "mse", metrics=["mae"])

# %%
# The decision
# ------------

fit = {}  # name to error, of those that follow the rule and never discharge
for name, network in (("as trained", model), ("retrained", taught), ("clamped", clamped)):
    verdict = outrange.verify(network, (y[0] <= 0.3), cold, time_limit=5)
    ends = outrange.output_range(network, operating)
    error = network.evaluate(fresh, truth, verbose=0)[1]
    print(
        f"{name:10}: rule {verdict.status:9} least current {ends.lo[0]:8.4f} C, error {error:.4f} C"
    )
    if verdict and ends.lo[0] >= 0:
        fit[name] = error
print("ship:", min(fit, key=fit.get, default="none of them"))

# %%
fig, axes = plt.subplots(1, 2, figsize=(7.2, 3.2), layout="constrained", sharey=True)
draw(axes[0], taught, "Retrained")
draw(axes[1], clamped, "Clamped")
axes[0].set_ylabel("current [C]")
plt.show()

# %%
# Turn the proved properties into tests, so that the next trained network must satisfy them too.
# These three assertions would fail here if the clamped network broke the rule or could discharge
# the cell:

outrange.testing.assert_holds(clamped, y[0] <= 0.3, cold)
outrange.testing.assert_holds(clamped, y[0] >= 0, operating)
outrange.testing.assert_holds(clamped, y[0] <= 0.3, operating, where=x["temperature"][0] <= 0)

# %%
# Next: :doc:`how to read an answer </learn/plot_2_read_answer>`.
