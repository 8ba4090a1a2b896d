"""A scikit-learn pipeline, column by column
=========================================

A ``StandardScaler`` and an ``MLPRegressor`` predict the progress of diabetes from ten columns.
What can this pipeline predict, and which column changes the prediction for one patient the most?
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_diabetes
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import outrange


table, progress = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
renamed = {"bp": "blood pressure", "s1": "cholesterol", "s2": "ldl", "s3": "hdl",
           "s4": "cholesterol/hdl", "s5": "log triglycerides", "s6": "glucose"}  # fmt: skip
table = table.rename(columns=renamed)
table["sex"] = table["sex"].astype(int)  # 1 or 2, nothing between
regressor = MLPRegressor(
    hidden_layer_sizes=(8,), alpha=10, solver="lbfgs", max_iter=2000, random_state=0
)
pipeline = make_pipeline(StandardScaler(), regressor).fit(table[:400], progress[:400])
print(f"R2 on 42 other patients: {pipeline.score(table[400:], progress[400:]):.2f}")
print(f"progress in the table: {progress.min():.0f} to {progress.max():.0f}")

# %%
# The input set is the range of each column in the table. ``whole=True`` restricts ``sex`` to
# integers (:doc:`/categorical`).

box = outrange.data_box(table, whole=True)
print(outrange.output_range(pipeline, box, budget=4))

# %%
# The maximum is far above the progress of every patient in the table. The inputs that attain the
# maximum show why. LDL is a part of the total cholesterol, but here it is more than twice the
# total. The two columns rise together in the data, so the model never learned the effect of each
# column alone.
#
# A condition excludes such rows. Every patient in the table satisfies this condition:

possible = outrange.x["ldl"] + outrange.x["hdl"] <= outrange.x["cholesterol"]
share = (table["ldl"] + table["hdl"] <= table["cholesterol"]).mean()
print(f"{share:.0%} of the patients satisfy it")
print(outrange.maximize(pipeline, outrange.y[0], box, where=possible, budget=8))

# %%
# The maximum falls by almost half but is still far above the data, because one condition does not
# make a patient plausible. A question about a single patient is more realistic. For each blue bar,
# one column varies over its range in the table, and the others are fixed. For the red bar, all
# columns except ``sex`` vary by up to 2 % simultaneously. The black line is the prediction.

patient = table.iloc[400]
fixed = {name: float(value) for name, value in patient.items()}
ranges = {}
for name in table.columns.drop("sex"):
    box = fixed | {name: (table[name].min(), table[name].max())}
    ranges[name] = outrange.output_range(pipeline, box, budget=4)
error = {name: (0.98 * value, 1.02 * value) for name, value in fixed.items()}
error["sex"] = fixed["sex"]
ranges["all but sex, by 2 %"] = outrange.output_range(pipeline, error, budget=4)

fig, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
ordered = sorted(ranges, key=lambda name: ranges[name].hi[0] - ranges[name].lo[0])
for name in ordered:
    lo, hi = ranges[name].lo[0], ranges[name].hi[0]
    ax.barh(name, hi - lo, left=lo, color="#1f4e9c" if name in table else "#d1495b")
ax.axvline(pipeline.predict(table.iloc[[400]])[0], color="black", lw=1)
ax.axvspan(progress.min(), progress.max(), color="#eeeeee", zorder=0)
ax.set(xlabel="predicted progress (gray: range in the table)")
ax.set_title("Proved predictions for one patient if one column varies")
plt.show()
