"""auto_LiRPA on rows of a network's outputs; `root_bounds.py` runs this with PyTorch.

    python root_lirpa.py NET.onnx ASKED.npz SOURCES ITERATIONS THREADS

Prints a line of JSON: lower bounds of the rows by CROWN and with optimized slopes, and seconds.
"""

import json
import sys
import time
import warnings

import numpy as np


def main(path: str, asked: str, sources: str, iterations: str, threads: str) -> None:
    """Bound every row, and print the bounds."""
    warnings.filterwarnings("ignore")
    sys.path.insert(0, sources)
    import onnx
    import torch
    from auto_LiRPA import BoundedModule, BoundedTensor, PerturbationLpNorm
    from onnx2pytorch import ConvertModel

    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    read = np.load(asked, allow_pickle=False)
    shape = tuple(int(n) for n in read["shape"])
    lo, hi = (torch.tensor(read[end].reshape(shape), dtype=torch.float32) for end in ("lo", "hi"))
    rows = torch.tensor(read["rows"], dtype=torch.float32)[None]
    net = ConvertModel(onnx.load(path), experimental=True).eval()
    slopes = {"iteration": int(iterations), "lr_alpha": 0.1}  # alpha-beta-CROWN's own.
    model = BoundedModule(
        net, torch.zeros(shape), device="cpu", bound_opts={"optimize_bound_args": slopes}
    )
    x = BoundedTensor(0.5 * (lo + hi), PerturbationLpNorm(x_L=lo, x_U=hi))
    found = {}
    for method in ("CROWN", "CROWN-Optimized"):
        began = time.perf_counter()
        low, _ = model.compute_bounds(x=(x,), C=rows, method=method, bound_upper=False)
        found[method] = {"lo": low[0].tolist(), "seconds": time.perf_counter() - began}
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
