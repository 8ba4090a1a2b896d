"""Repair of ACAS Xu networks: property 2 on the 34 networks that violate it.

    python benchmarks/repair.py                          34 networks, 60 s each
    python benchmarks/repair.py --networks 2_1 4_8 --points FOLDER
    python benchmarks/repair.py --seconds 120 --method weights
    python benchmarks/repair.py --all-properties --seconds 300

With `--all-properties`, each network must satisfy all its properties at once: 1 to 4, also 8 for
network 2,9; network 1,9, the 35th, must satisfy property 7.

Each line shows the status, the seconds from the call to the answer (with all proofs; on the clock,
and of the processor), and the fraction of unchanged advice: on 5,000 reference points, and inside
the box of the property on the inputs whose advice was right. The reference points are those of ART
(the files `acas_art.2.1.test.npz`, ... of the repository cmu-transparency/self-correcting-networks)
if `--points` names their folder, else uniform inputs of the whole domain.
"""

import argparse
import gzip
import json
import time
from pathlib import Path

import keras
import numpy as np
import onnx

import outrange
from cases import data_folder


LO = [-0.328422877, -0.499999896, -0.499999896, -0.5, -0.5]
HI = [0.679857769, 0.499999896, 0.499999896, 0.5, 0.5]
"""Bounds of the normalized inputs, as in the files of the properties."""

RIGHT = {"3_3", "4_2"}
"""Networks that satisfy property 2."""

NETWORKS = [f"{i}_{j}" for i in range(2, 6) for j in range(1, 10) if f"{i}_{j}" not in RIGHT]

FURTHER = {"1_9": [7], "2_9": [2, 1, 3, 4, 8]}
"""Properties of networks that need not satisfy exactly the properties 1 to 4."""

PUBLISHED = (
    ("Veritex (HSCC 2023), 35 networks, all properties", 99.70, 98.74, "48 processors"),
    ("ART (FMCAD 2020), 36 networks", 96.10, 88.8, "GPU not stated"),
)
"""Published rows: mean and least agreement in percent, and the hardware."""


def acas(name):
    """Return a network as a Keras model."""
    file = data_folder() / "acasxu" / "onnx" / f"ACASXU_run2a_{name}_batch_2000.onnx.gz"
    stored = onnx.load_from_string(gzip.decompress(file.read_bytes())).graph.initializer
    arrays = [onnx.numpy_helper.to_array(t) for t in stored]
    sizes = weights_of(arrays)
    model = keras.Sequential([keras.Input((5,))], name=f"acas_{name}")
    for i, (weights, bias) in enumerate(sizes):
        relu = "relu" if i < len(sizes) - 1 else None
        model.add(keras.layers.Dense(len(bias), activation=relu))
        model.layers[-1].set_weights([weights, bias])
    return model


def weights_of(arrays):
    """Return the kernels `(inputs, outputs)` with their biases, in the order of the file."""
    kernels = [a for a in arrays if a.ndim == 2 and min(a.shape) > 1]
    biases = [a.ravel() for a in arrays if a.ndim == 1 and a.size > 1]
    kernels = [k if k.shape[1] == b.size else k.T for k, b in zip(kernels, biases, strict=True)]
    return list(zip(kernels, biases, strict=True))


def reference(name, folder):
    """Return the reference points of a network."""
    if folder is None:
        return np.random.default_rng(7).uniform(LO, HI, (5000, 5))
    return np.load(Path(folder, f"acas_art.{name.replace('_', '.')}.test.npz"))["x"]


def advice(model, x):
    return np.asarray(model.predict(x.astype("float32"), verbose=0, batch_size=5000)).argmin(axis=1)


def measured(name, options):
    """Repair one network, and return a row of the table."""
    model = acas(name)
    numbers = FURTHER.get(name, [2, 1, 3, 4]) if options.all_properties else [2]
    folder = data_folder() / "acasxu" / "vnnlib"
    files = [(folder / f"prop_{number}.vnnlib.gz", None) for number in numbers]
    began, work = time.perf_counter(), time.process_time()
    fixed = outrange.repair(
        model, files, x=outrange.Box(LO, HI), decision="argmin", method=options.method,
        time_limit=options.seconds,
    )  # fmt: skip
    took, used = time.perf_counter() - began, time.process_time() - work
    row = {"network": name, "status": fixed.status, "seconds": round(took, 1)}
    row["processor"] = round(used, 1)
    row["share"] = None if fixed.share is None else round(100 * fixed.share[1], 2)
    row["rounds"] = len(fixed.history)
    row["cuts"] = max((r.cuts for r in fixed.history), default=0)
    if fixed:
        x = reference(name, options.points)
        row["agreement"] = round(
            float(100 * np.mean(advice(model, x) == advice(fixed.model, x))), 3
        )
        inside = np.random.default_rng(8).uniform(fixed.over.lo, fixed.over.hi, (20_000, 5))
        before, after = advice(model, inside), advice(fixed.model, inside)
        worst = np.asarray(model.predict(inside, verbose=0, batch_size=20_000)).argmax(axis=1)
        right = worst != 0
        row["inside"] = round(float(100 * np.mean((before == after)[right])), 3)
    else:
        row["reason"] = fixed.reason
        row["verdicts"] = [verdict.status for verdict in fixed.verdicts]
    return row


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--networks", nargs="*", default=NETWORKS)
    parser.add_argument("--points", help="folder of ART's test points")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--method", default="weights")
    parser.add_argument("--all-properties", action="store_true")
    options = parser.parse_args()
    rows = []
    if options.all_properties and options.networks is NETWORKS:
        options.networks = ["1_9", *NETWORKS]
    for name in options.networks:
        rows.append(measured(name, options))
        print(json.dumps(rows[-1]), flush=True)
    done = [row for row in rows if row["status"] == "REPAIRED"]
    print(f"\nrepaired with proof: {len(done)} of {len(rows)}")
    if done:
        seconds = [row["seconds"] for row in done]
        same, inside = ([row[key] for row in done] for key in ("agreement", "inside"))
        used = [row["processor"] for row in done]
        print(f"seconds: median {np.median(seconds):.1f}, longest {max(seconds):.1f}")
        print(f"seconds of the processor: median {np.median(used):.1f}, longest {max(used):.1f}")
        print(f"agreement: mean {np.mean(same):.2f} %, least {min(same):.2f} %")
        print(f"right inputs inside that keep their advice: mean {np.mean(inside):.2f} %")
    for title, mean, least, hardware in PUBLISHED:
        print(f"published: {title}: mean {mean} %, least {least} % ({hardware})")


if __name__ == "__main__":
    main()
