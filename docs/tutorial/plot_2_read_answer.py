"""How to read an answer
=====================

Every answer contains *proved* bounds, *attained* values, and the reason why the search stopped.
Nothing in it is an estimate.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np

import outrange
from outrange import y


keras.utils.set_random_seed(0)
easy = keras.Sequential([
    keras.Input((3,), name="x"),
    keras.layers.Dense(12, "relu"),
    keras.layers.Dense(2, name="force"),
], name="easy")
answer = outrange.output_range(easy, (-1, 1))
print(answer)

# %%
# Proved and seen
# ---------------
#
# ``lo`` and ``hi`` are proved: no input of the set gives an output outside. ``seen_lo`` and
# ``seen_hi`` are attained, at ``at_lo`` and ``at_hi``. The true end lies between the two, and
# ``gap`` is the larger of the two distances.

for i in range(2):
    print(f"force[{i}]: the minimum lies in [{answer.lo[i]:.8f}, {answer.seen_lo[i]:.8f}]")
    print(f"          the maximum lies in [{answer.seen_hi[i]:.8f}, {answer.hi[i]:.8f}]")
print("gap:", answer.gap)

# %%
# Status
# ------
#
# ``status`` is one word for why the search stopped, ``reason`` a short phrase. ``"exact"`` means
# that the gap is at most ``tol`` of the range seen. The default is 1e-6; a network of smooth
# curves stops at 1e-4 where the rest would take longer than all before, and ``answer.tol`` is the
# tolerance that applied. With any other status the bounds are just as valid, and the gap is open.
# A deep network of smooth curves over a wide box is an example:

hard = keras.Sequential([
    keras.Input((6,), name="x"),
    *[keras.layers.Dense(12, "tanh", kernel_initializer="he_normal") for _ in range(3)],
    keras.layers.Dense(1, name="force"),
], name="hard")
path = []
rough = outrange.output_range(
    hard, (-1, 1), time_limit=3,
    progress=lambda p: path.append((p.seconds, p.lo[0], p.seen_lo[0], p.seen_hi[0], p.hi[0])),
)
print(rough)

# %%
# The two bounds converge to the true range from both sides. The search may stop at any moment, by
# ``time_limit`` or Ctrl-C, and the bounds proved so far remain valid.

seconds, lo, seen_lo, seen_hi, hi = np.array(path).T
fig, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
ax.fill_between(seconds, seen_hi, hi, color="#f0c9a0", step="post", label="undecided")
ax.fill_between(seconds, lo, seen_lo, color="#f0c9a0", step="post")
ax.fill_between(seconds, seen_lo, seen_hi, color="#1f4e9c", step="post", label="seen")
ax.plot(seconds, hi, color="#2a8a4a", drawstyle="steps-post", label="proved")
ax.plot(seconds, lo, color="#2a8a4a", drawstyle="steps-post")
ax.set(xlabel="time [s]", ylabel="force[0]", title="Proved and seen, while the search runs")
fig.legend(fontsize="small", loc="outside right center")
plt.show()

# %%
# Warrant, boxes
# --------------
#
# ``warrant`` states the guarantee behind the numbers:
#
# * ``FLOAT64_ROUNDED``: a proof in float64 that covers every rounding. The usual case.
# * ``SOLVER_TOLERANCE``: a mixed-integer solver closed the last gap, within its own tolerance.
#   ``solver=False`` excludes it.
# * ``SAMPLED``: from ``sample_range``, attained values without any proof.
#
# ``cost.boxes`` counts the parts that the input set was split into. One box: linear bounds alone
# were enough. Thousands: the search had to work. It measures effort, not quality.

print(
    answer.warrant.name, answer.cost.boxes, "boxes;", rough.warrant.name, rough.cost.boxes, "boxes"
)
print("sampled:", outrange.sample_range(easy, (-1, 1), samples=1000).warrant.name)

# %%
# When the gap stays open
# -----------------------
#
# With a ``time_limit`` of 2 s or more, a tenth of it is spent on finding out what would help. The
# answer ends with the measured remedies: when a larger ``tol`` was reached, on which part of the
# input set the answer is exact, and which inputs to fix for that.

print(*rough.remedies, sep="\n")

# %%
# In general, in this order:
#
# 1. *Ask the question itself.* "Is it below 5?" is much easier than "what is the maximum?", unless
#    the maximum is close to 5: ``verify`` stops as soon as it is decided.
# 2. *A coarser answer.* ``tol=1e-2`` is often enough for a decision, and takes a fraction of
#    the time.
# 3. *A smaller set.* The cost grows with the width of the box and the number of varying inputs.
#    Fix known inputs, restrict the rest with ``where=``, or use the range of your data.
# 4. *One output.* ``rows=[[1, 0, 0]]`` asks for one linear form of the outputs only.
# 5. *Time.* ``time_limit=60``, and ``progress=`` to see whether the gap still falls.
# 6. *Another network.* ReLU networks reach exact ends; tanh and softmax come close. Fewer and
#    narrower layers help most, and ``summary`` shows which units do nothing.
#
# The first three on the network above:

verdict = outrange.verify(hard, y[0] <= 20, (-1, 1), time_limit=2)
print("is it at most 20?      ", verdict.status)
near = outrange.output_range(hard, (-0.1, 0.1), tol=1e-2, time_limit=2)
print(f"inputs within 0.1:      [{near.lo[0]:.4f}, {near.hi[0]:.4f}], {near.reason}")
few = [(-1, 1)] * 2 + [(0, 0)] * 4
fixed = outrange.output_range(hard, tuple(np.array(few, float).T), tol=1e-2, time_limit=2)
print(f"two inputs vary of 6:   [{fixed.lo[0]:.4f}, {fixed.hi[0]:.4f}], {fixed.reason}")

# %%
# A verdict is read in the same way: ``HOLDS`` is a proof, ``VIOLATED`` comes with an input that
# was run on the model, and ``UNKNOWN`` says how far both sides came. :doc:`Soundness </soundness>`
# states exactly what is proved, and how an answer identifies its model and property.
