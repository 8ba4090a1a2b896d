"""auto_LiRPA on all units of a layer of a ReLU network; `all_units.py` runs this with PyTorch.

    python all_units_lirpa.py ASKED.npz SOURCES REACH THREADS SECONDS...

Prints one line of JSON: the magnitude proved for each unit within each of the times. The bounds are
optimized (alpha-CROWN) with increasing numbers of iterations; the best of all that ended in time
counts.
"""

import json
import sys
import time
import warnings

import numpy as np


ITERATIONS = (5, 20, 50, 100, 200, 400, 800)


def main(asked: str, sources: str, reach: str, threads: str, *seconds: str) -> None:
    """Bound every unit, and print the magnitudes."""
    warnings.filterwarnings("ignore")
    sys.path.insert(0, sources)
    import torch
    from auto_LiRPA import BoundedModule, BoundedTensor, PerturbationLpNorm

    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    read = np.load(asked, allow_pickle=False)
    parts = []
    for i in range(0, len(read.files), 2):
        weight, bias = read[f"arr_{i}"], read[f"arr_{i + 1}"]
        layer = torch.nn.Linear(*weight.shape)
        layer.weight.data = torch.tensor(weight.T.copy(), dtype=torch.float32)
        layer.bias.data = torch.tensor(bias, dtype=torch.float32)
        parts += [layer, torch.nn.ReLU()]
    net = torch.nn.Sequential(*parts[:-1])
    middle = torch.zeros(1, net[0].in_features)
    ends = middle - float(reach), middle + float(reach)
    x = BoundedTensor(middle, PerturbationLpNorm(x_L=ends[0], x_U=ends[1]))
    limits = [float(s) for s in seconds]
    best, found = None, {}
    began = time.perf_counter()
    for iterations in ITERATIONS:
        slopes = {"iteration": iterations, "lr_alpha": 0.1, "early_stop_patience": 1000}
        options = {"optimize_bound_args": slopes}
        model = BoundedModule(net, middle, device="cpu", bound_opts=options)
        lo, hi = model.compute_bounds(x=(x,), method="CROWN-Optimized")
        size = torch.maximum(-lo, hi)[0].detach().numpy()
        spent = time.perf_counter() - began
        if best is not None:
            found |= {s: best.tolist() for s in limits if s < spent and s not in found}
        best = size if best is None else np.minimum(best, size)
        if spent > max(limits):
            break
    found |= {s: best.tolist() for s in limits if s not in found}
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
