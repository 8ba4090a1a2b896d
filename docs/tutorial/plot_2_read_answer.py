"""How to read an answer
=====================

The answer of a search contains *proved* bounds, *attained* values, and the reason why the search
stopped. This page explains each of them.
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
# ``lo`` and ``hi`` are proved: no input of the set gives an output outside them. ``seen_lo`` and
# ``seen_hi`` are attained at the inputs ``at_lo`` and ``at_hi``. The true minimum lies between
# ``lo`` and ``seen_lo``, and the true maximum between ``seen_hi`` and ``hi``. ``gap`` is the larger
# of the two distances between a proved bound and the attained value next to it.

for i in range(2):
    print(f"force[{i}]: the minimum lies in [{answer.lo[i]:.8f}, {answer.seen_lo[i]:.8f}]")
    print(f"          the maximum lies in [{answer.seen_hi[i]:.8f}, {answer.hi[i]:.8f}]")
print("gap:", answer.gap)

# %%
# Status
# ------
#
# ``status`` is one word that states why the search stopped, and ``reason`` explains it in a short
# phrase. ``"exact"`` means that the gap is at most ``tol`` times the attained range. The default of
# ``tol`` is 1e-6. For a network with smooth activations, the search stops at 1e-4 if reaching 1e-6
# would take longer than the search so far. ``answer.tol`` is the tolerance that was applied. With
# any other status, the bounds are just as valid, but the gap is still open. A deep network with
# smooth activations over a wide box is an example:

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
# Proved bounds and attained values converge to the true range from both sides. ``time_limit`` or
# Ctrl-C may stop the search at any moment, and the bounds proved so far remain valid.

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
# * ``FLOAT64_ROUNDED``: the bounds are proved in float64, and the proof covers every rounding. This
#   is the usual case.
# * ``SOLVER_TOLERANCE``: a mixed-integer solver closed the last gap within its own tolerance.
#   ``solver=False`` excludes this.
# * ``SAMPLED``: the values come from ``sample_range``. They are attained, but nothing is proved.
#
# ``cost.boxes`` counts the parts into which the input set was split. One box means that linear
# bounds alone answered the question. Thousands of boxes mean that the search took many steps.
# The number measures effort, not quality.

print(
    answer.warrant.name, answer.cost.boxes, "boxes;", rough.warrant.name, rough.cost.boxes, "boxes"
)
print("sampled:", outrange.sample_range(easy, (-1, 1), samples=1000).warrant.name)

# %%
# When the gap stays open
# -----------------------
#
# With a ``time_limit`` of 2 s or more, a tenth of the time is spent finding out what would help to
# close the gap. The answer ends with the results of these attempts. They may tell you when a larger
# ``tol`` was reached, on which part of the input set the answer is exact, and which inputs to fix
# so that the answer becomes exact. On a busy machine, the time may be too short for any attempt.

print("\n".join(rough.remedies) or "nothing was tried in this time")

# %%
# In general, try the following in this order:
#
# 1. *Ask the question itself.* "Is it below 5?" is much easier than "what is the maximum?", unless
#    the maximum is close to 5. ``verify`` stops as soon as the question is decided.
# 2. *Accept a coarser answer.* ``tol=1e-2`` is often enough for a decision and takes a fraction of
#    the time.
# 3. *Use a smaller set.* The cost grows with the width of the box and the number of varying inputs.
#    Fix known inputs, use the range of your data, or restrict a set by a condition:
#    ``outrange.Union(box) & (x[0] <= x[1])``, with ``from outrange import x``. ``verify`` and
#    ``maximize`` also accept such a condition as ``where=``.
# 4. *Ask for one output.* ``rows=[[1, 0, 0]]`` asks only for the first of three outputs.
# 5. *Allow more time.* Set ``time_limit=60``, and use ``progress=`` to see whether the gap is
#    still shrinking.
# 6. *Use another network.* ReLU networks reach exact bounds; tanh and softmax networks come close.
#    Fewer and narrower layers help most, and ``summary`` shows which units have no effect.
#
# The first three remedies on the network above:

verdict = outrange.verify(hard, y[0] <= 20, (-1, 1), time_limit=2)
print("is it at most 20?      ", verdict.status)
near = outrange.output_range(hard, (-0.1, 0.1), tol=1e-2, time_limit=2)
print(f"inputs within 0.1:      [{near.lo[0]:.4f}, {near.hi[0]:.4f}], {near.reason}")
few = [(-1, 1)] * 2 + [(0, 0)] * 4
fixed = outrange.output_range(hard, tuple(np.array(few, float).T), tol=1e-2, time_limit=2)
print(f"two inputs vary of 6:   [{fixed.lo[0]:.4f}, {fixed.hi[0]:.4f}], {fixed.reason}")

# %%
# Read a verdict in the same way. ``HOLDS`` is a proof. ``VIOLATED`` comes with an input on which
# the model was run. ``UNKNOWN`` reports the proved margin and the input that came closest to
# breaking the property. :doc:`Soundness </soundness>` states exactly what is proved, and how an
# answer identifies its model and property.
