"""auto_LiRPA on recurrent networks; `recurrent.py` runs this in an environment with PyTorch.

    python recurrent_lirpa.py NETS.npz SOURCES METHOD SECONDS

Reads weights and boxes, and writes a line of JSON per network with lower and upper bounds and
seconds.
"""

import json
import sys
import time
import warnings

import numpy as np


def main(path: str, sources: str, method: str) -> None:
    """Bound every network in the file."""
    warnings.filterwarnings("ignore")
    sys.path.insert(0, sources)
    import torch
    from auto_LiRPA import BoundedModule, BoundedTensor, PerturbationLpNorm

    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)

    class Net(torch.nn.Module):
        def __init__(self, kind, w):
            super().__init__()
            self.kind = kind
            for name in ("kernel", "recurrent", "bias", "head"):
                self.register_buffer(name, torch.tensor(w[name]))
            self.units = w["head"].shape[0]

        def forward(self, x):
            n = self.units
            h = c = torch.zeros(1, n)
            for t in range(x.shape[1]):
                own = x[:, t].matmul(self.kernel) + self.bias
                before = h.matmul(self.recurrent)
                if self.kind == "rnn":
                    h = torch.tanh(own + before)
                elif self.kind == "gru":
                    z = torch.sigmoid(own[:, :n] + before[:, :n])
                    r = torch.sigmoid(own[:, n : 2 * n] + before[:, n : 2 * n])
                    new = torch.tanh(own[:, 2 * n :] + r * before[:, 2 * n :])
                    h = z * h + (1 - z) * new
                else:
                    s = own + before
                    i, f = torch.sigmoid(s[:, :n]), torch.sigmoid(s[:, n : 2 * n])
                    o = torch.sigmoid(s[:, 3 * n :])
                    c = f * c + i * torch.tanh(s[:, 2 * n : 3 * n])
                    h = o * torch.tanh(c)
            return h.matmul(self.head)

    nets = np.load(path, allow_pickle=False)
    for key in json.loads(str(nets["names"])):
        w = {
            name: nets[f"{key}/{name}"]
            for name in ("kernel", "recurrent", "bias", "head", "center", "lo", "hi")
        }
        shape = (1, *w["center"].shape)
        lo, hi = (torch.tensor(w[end]).reshape(shape) for end in ("lo", "hi"))
        began = time.perf_counter()
        try:
            model = BoundedModule(
                Net(key.split("-")[0], w),
                torch.zeros(shape),
                bound_opts={"optimize_bound_args": {"iteration": 20}},
            )
            x = BoundedTensor(0.5 * (lo + hi), PerturbationLpNorm(x_L=lo, x_U=hi))
            low, high = model.compute_bounds(x=(x,), method=method)
            found = {"lo": low[0].tolist(), "hi": high[0].tolist()}
        except Exception as error:
            found = {"error": f"{type(error).__name__}: {error}"[:300]}
        print(
            json.dumps({"name": key, "seconds": time.perf_counter() - began, **found}), flush=True
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
