"""A table of the modules of `torch.nn` that are supported, and why others are not.

    python benchmarks/torch_modules.py [--only NAME ...] [--samples COUNT] [--markdown]

Every public module class of `torch.nn` that computes a function of one row, and the functions
listed here, are built, read, compared with PyTorch itself at random samples in float32, and
bounded. A class without a recipe here that cannot be built with default arguments counts as
refused.
"""

import inspect
from collections.abc import Callable

import numpy as np
import torch
from native_samples import compare, first_line, parse_options, show
from torch import nn

import outrange
from outrange.core import OutrangeError


VECTOR, SEQUENCE, IMAGE, VIDEO = (4,), (4, 6), (4, 6, 6), (4, 4, 4, 4)

NO_FUNCTION = frozenset({
    "Module", "Container", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict", "Buffer",
    "CrossMapLRN2d", "DataParallel", "SyncBatchNorm", "RNNBase", "RNNCellBase",
})  # fmt: skip
"""Containers of modules or parameters, base classes, and classes that need several devices."""


class Call(nn.Module):
    """A module that applies another module by way of a function of one tensor."""

    def __init__(self, module: nn.Module, call: Callable) -> None:
        super().__init__()
        self.module, self.call = module, call

    def forward(self, x):
        return self.call(self.module, x)


def _halves(module: nn.Module) -> nn.Module:
    return Call(module, lambda m, x: m(x[:, :2], x[:, 2:]))


def _self_attended(m, x):
    return m(x, x, x)[0]


def _recurrent(module: nn.Module) -> nn.Module:
    return Call(module, lambda m, x: m(x)[0])


def _loss(module: nn.Module, target: object = None, limit: Callable = torch.sigmoid) -> nn.Module:
    """Return a loss as a module; its target is the second half of each row, or a constant."""
    if target is None:
        return Call(module, lambda m, x: m(x[:, :2], limit(x[:, 2:])).reshape(x.shape[0], -1))
    fixed = torch.as_tensor(target)
    return Call(
        module,
        lambda m, x: m(x, fixed.expand(x.shape[0], *fixed.shape)).reshape(x.shape[0], -1),
    )


def _unpooled(rank: int) -> nn.Module:
    pool = getattr(nn, f"MaxPool{rank}d")(2, return_indices=True)
    return Call(
        nn.ModuleList([pool, getattr(nn, f"MaxUnpool{rank}d")(2)]), lambda m, x: m[1](*m[0](x))
    )


NONE = {"reduction": "none"}

RECIPES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "AdaptiveLogSoftmaxWithLoss": (
        lambda: Call(nn.AdaptiveLogSoftmaxWithLoss(4, 6, [2]), lambda m, x: m.log_prob(x)), VECTOR),
    "Bilinear": (lambda: _halves(nn.Bilinear(2, 2, 3)), VECTOR),
    "ChannelShuffle": (lambda: nn.ChannelShuffle(2), IMAGE),
    "CosineSimilarity": (lambda: _halves(nn.CosineSimilarity()), VECTOR),
    "PairwiseDistance": (lambda: _halves(nn.PairwiseDistance()), VECTOR),
    "Embedding": (lambda: Call(nn.Embedding(5, 3), lambda m, x: m(x.clamp(0, 4).long())), VECTOR),
    "EmbeddingBag": (
        lambda: Call(nn.EmbeddingBag(5, 3), lambda m, x: m(x.clamp(0, 4).long())), VECTOR),
    "Fold": (lambda: nn.Fold((4, 5), (2, 2)), (8, 12)),
    "Unfold": (lambda: nn.Unfold((2, 3)), IMAGE),
    "Flatten": (lambda: nn.Flatten(), IMAGE),
    "Unflatten": (lambda: nn.Unflatten(1, (2, 2)), VECTOR),
    "FractionalMaxPool2d": (lambda: nn.FractionalMaxPool2d(2, output_size=3), IMAGE),
    "FractionalMaxPool3d": (lambda: nn.FractionalMaxPool3d(2, output_size=2), VIDEO),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), IMAGE),
    "LayerNorm": (lambda: nn.LayerNorm(6), SEQUENCE),
    "RMSNorm": (lambda: nn.RMSNorm(6), SEQUENCE),
    "LocalResponseNorm": (lambda: nn.LocalResponseNorm(3), IMAGE),
    "Linear": (lambda: nn.Linear(4, 3), VECTOR),
    "LazyLinear": (lambda: nn.LazyLinear(3), VECTOR),
    "MultiheadAttention": (
        lambda: Call(nn.MultiheadAttention(6, 2, batch_first=True), _self_attended), SEQUENCE),
    "Transformer": (
        lambda: Call(nn.Transformer(4, 2, 1, 1, 6, batch_first=True), lambda m, x: m(x, x)),
        (3, 4)),
    "TransformerEncoderLayer": (
        lambda: nn.TransformerEncoderLayer(4, 2, 6, batch_first=True), (3, 4)),
    "TransformerDecoderLayer": (
        lambda: Call(nn.TransformerDecoderLayer(4, 2, 6, batch_first=True), lambda m, x: m(x, x)),
        (3, 4)),
    "TransformerEncoder": (
        lambda: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(4, 2, 6, batch_first=True, norm_first=True), 2,
            enable_nested_tensor=False), (3, 4)),
    "TransformerDecoder": (
        lambda: Call(nn.TransformerDecoder(
            nn.TransformerDecoderLayer(4, 2, 6, batch_first=True), 1), lambda m, x: m(x, x)),
        (3, 4)),
    "PixelShuffle": (lambda: nn.PixelShuffle(2), IMAGE),
    "PixelUnshuffle": (lambda: nn.PixelUnshuffle(2), IMAGE),
    "RNN": (lambda: _recurrent(nn.RNN(3, 2, batch_first=True)), (4, 3)),
    "GRU": (lambda: _recurrent(nn.GRU(3, 2, batch_first=True)), (4, 3)),
    "LSTM": (lambda: _recurrent(nn.LSTM(3, 2, batch_first=True)), (4, 3)),
    "RNNCell": (lambda: nn.RNNCell(4, 3), VECTOR),
    "GRUCell": (lambda: nn.GRUCell(4, 3), VECTOR),
    "LSTMCell": (lambda: Call(nn.LSTMCell(4, 3), lambda m, x: m(x)[0]), VECTOR),
    "Sequential": (lambda: nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), VECTOR),
    "Softmax": (lambda: nn.Softmax(-1), VECTOR),
    "Softmin": (lambda: nn.Softmin(-1), VECTOR),
    "LogSoftmax": (lambda: nn.LogSoftmax(-1), VECTOR),
    "Softmax2d": (lambda: nn.Softmax2d(), (3, 2, 2)),
    "Threshold": (lambda: nn.Threshold(0.5, -1.0), VECTOR),
    "PReLU": (lambda: nn.PReLU(4), VECTOR),
    "Upsample": (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), (2, 3, 3)),
    "UpsamplingBilinear2d": (lambda: nn.UpsamplingBilinear2d(scale_factor=2), (2, 3, 3)),
    "UpsamplingNearest2d": (lambda: nn.UpsamplingNearest2d(scale_factor=2), (2, 3, 3)),
    "MaxUnpool1d": (lambda: _unpooled(1), SEQUENCE),
    "MaxUnpool2d": (lambda: _unpooled(2), (2, 4, 4)),
    "MaxUnpool3d": (lambda: _unpooled(3), (1, 2, 4, 4)),
    "BCELoss": (
        lambda: Call(nn.BCELoss(**NONE), lambda m, x: m(x[:, :2].sigmoid(), x[:, 2:].sigmoid())),
        VECTOR),
    "BCEWithLogitsLoss": (lambda: _loss(nn.BCEWithLogitsLoss(**NONE)), VECTOR),
    "CosineEmbeddingLoss": (
        lambda: Call(nn.CosineEmbeddingLoss(**NONE),
                     lambda m, x: m(x[:, :2], x[:, 2:], torch.ones(x.shape[0]))[:, None]), VECTOR),
    "CrossEntropyLoss": (lambda: _loss(nn.CrossEntropyLoss(**NONE), 1), VECTOR),
    "CTCLoss": (
        lambda: Call(nn.CTCLoss(**NONE),
                     lambda m, x: m(x.transpose(0, 1).log_softmax(-1),
                                    torch.ones(x.shape[0], 2, dtype=torch.long),
                                    torch.full((x.shape[0],), 4), torch.full((x.shape[0],), 2))),
        SEQUENCE),
    "GaussianNLLLoss": (
        lambda: Call(nn.GaussianNLLLoss(**NONE),
                     lambda m, x: m(x[:, :2], x[:, 1:3], x[:, 2:].exp())), VECTOR),
    "HingeEmbeddingLoss": (
        lambda: _loss(nn.HingeEmbeddingLoss(**NONE), [1.0, -1.0, 1.0, 1.0]), VECTOR),
    "HuberLoss": (lambda: _loss(nn.HuberLoss(**NONE), limit=torch.tanh), VECTOR),
    "KLDivLoss": (lambda: _loss(nn.KLDivLoss(**NONE)), VECTOR),
    "L1Loss": (lambda: _loss(nn.L1Loss(**NONE), limit=torch.tanh), VECTOR),
    "LinearCrossEntropyLoss": (
        lambda: _loss(nn.LinearCrossEntropyLoss(4, 3, **NONE), 1), VECTOR),
    "MarginRankingLoss": (
        lambda: Call(nn.MarginRankingLoss(**NONE),
                     lambda m, x: m(x[:, :2], x[:, 2:], torch.ones(x.shape[0], 2))), VECTOR),
    "MSELoss": (lambda: _loss(nn.MSELoss(**NONE), limit=torch.tanh), VECTOR),
    "MultiLabelMarginLoss": (
        lambda: _loss(nn.MultiLabelMarginLoss(**NONE), [3, 0, -1, 1]), VECTOR),
    "MultiLabelSoftMarginLoss": (lambda: _loss(nn.MultiLabelSoftMarginLoss(**NONE)), VECTOR),
    "MultiMarginLoss": (lambda: _loss(nn.MultiMarginLoss(**NONE), 1), VECTOR),
    "NLLLoss": (lambda: _loss(nn.NLLLoss(**NONE), 1), VECTOR),
    "NLLLoss2d": (lambda: _loss(nn.NLLLoss2d(**NONE), [[1, 0], [2, 1]]), (3, 2, 2)),
    "PoissonNLLLoss": (lambda: _loss(nn.PoissonNLLLoss(**NONE)), VECTOR),
    "SmoothL1Loss": (lambda: _loss(nn.SmoothL1Loss(**NONE), limit=torch.tanh), VECTOR),
    "SoftMarginLoss": (lambda: _loss(nn.SoftMarginLoss(**NONE), [1.0, -1.0, 1.0, 1.0]), VECTOR),
    "TripletMarginLoss": (
        lambda: Call(nn.TripletMarginLoss(**NONE),
                     lambda m, x: m(x[:, :2], x[:, 1:3], x[:, 2:])[:, None]), VECTOR),
    "TripletMarginWithDistanceLoss": (
        lambda: Call(nn.TripletMarginWithDistanceLoss(**NONE),
                     lambda m, x: m(x[:, :2], x[:, 1:3], x[:, 2:])[:, None]), VECTOR),
}  # fmt: skip
"""Recipes for classes that need arguments or a special model; `ARGUMENTS` builds the others."""

F = nn.functional


def _written(x):
    y = x.clone()
    y[:, 1:3] = x[:, :2] * 2.0
    y[:, 0] += 1.0
    return y


FUNCTIONS: dict[str, tuple[Callable, tuple[int, ...]]] = {
    **{n: (getattr(torch, n), VECTOR) for n in (
        "abs", "neg", "sign", "square", "sin", "cos", "tan", "tanh", "sinh", "cosh", "atan", "exp",
        "exp2", "expm1", "floor", "ceil", "round", "trunc", "frac", "asinh", "sigmoid", "erf",
        "erfc", "relu", "sinc", "isnan", "isfinite", "nan_to_num", "signbit", "deg2rad",
        "logical_not", "erfinv", "lgamma",
    )},
    **{n: (lambda x, n=n: getattr(torch, n)(x.square() + 0.5), VECTOR) for n in (
        "log", "log2", "log10", "log1p", "sqrt", "rsqrt", "reciprocal")},
    **{n: (lambda x, n=n: getattr(torch, n)(0.9 * torch.tanh(x)), VECTOR) for n in (
        "asin", "acos", "atanh")},
    "acosh": (lambda x: torch.acosh(x.square() + 1.5), VECTOR),
    **{n: (lambda x, n=n: getattr(torch, n)(x[:, :2], x[:, 2:]), VECTOR) for n in (
        "add", "sub", "mul", "maximum", "minimum", "fmax", "fmin", "gt", "ge", "lt", "le", "eq",
        "ne", "hypot", "logaddexp", "logaddexp2", "atan2", "copysign")},
    "dist": (torch.vmap(lambda v: torch.dist(v[:2], v[2:])), VECTOR),
    "div": (lambda x: x[:, :2] / (x[:, 2:].square() + 0.5), VECTOR),
    **{n: (lambda x, n=n: getattr(torch, n)(x, 0.75), VECTOR) for n in (
        "remainder", "fmod", "floor_divide")},
    "pow": (lambda x: (x.square() + 0.1) ** 1.5, VECTOR),
    "2 ** x": (lambda x: 2.0 ** x, VECTOR),
    **{n: (lambda x, n=n: getattr(torch, n)(x, -1), SEQUENCE) for n in (
        "sum", "mean", "amax", "amin", "std", "var", "argmax", "argmin", "logsumexp", "softmax",
        "log_softmax", "cumsum", "cumprod", "prod", "count_nonzero")},
    **{n: (lambda x, n=n: getattr(torch, n)(x > 0, -1), SEQUENCE) for n in ("any", "all")},
    "max over an axis": (lambda x: x.max(-1).values, SEQUENCE),
    "max over an axis, positions": (lambda x: x.max(-1).indices, SEQUENCE),
    "min over an axis": (lambda x: x.min(-1, keepdim=True).values, SEQUENCE),
    "sort": (lambda x: x.sort(-1, descending=True).values, SEQUENCE),
    "argsort": (lambda x: x.argsort(dim=-1, stable=True), SEQUENCE),
    "topk": (lambda x: x.topk(2).values, SEQUENCE),
    "kthvalue": (lambda x: x.kthvalue(2).values, SEQUENCE),
    "median": (lambda x: x.median(-1).values, SEQUENCE),
    "quantile": (lambda x: x.quantile(0.3, -1), SEQUENCE),
    "cummax": (lambda x: x.cummax(-1).values, SEQUENCE),
    "norm": (lambda x: x.norm(dim=-1), SEQUENCE),
    "norm of order 3": (lambda x: x.norm(3, dim=-1), SEQUENCE),
    "normalize": (lambda x: F.normalize(x, dim=-1), SEQUENCE),
    "var_mean": (lambda x: torch.stack(torch.var_mean(x, -1), -1), SEQUENCE),
    "where": (lambda x: torch.where(x > 0, x, 0.1 * x.exp()), VECTOR),
    "clamp": (lambda x: x.clamp(-1.0, 0.5), VECTOR),
    "lerp": (lambda x: torch.lerp(x[:, :2], x[:, 2:], 0.3), VECTOR),
    "addcmul": (lambda x: torch.addcmul(x, x, x.sin()), VECTOR),
    "matmul": (lambda x: x @ x.transpose(1, 2), (3, 4)),
    "einsum": (lambda x: torch.einsum("bij,bkj->bik", x, x), (3, 4)),
    "baddbmm": (lambda x: torch.baddbmm(x, x, x), (3, 3)),
    "cross": (lambda x: torch.linalg.cross(x[:, :3], x[:, 3:]), (6,)),
    "outer": (lambda x: x[:, :, None] * x[:, None, :], VECTOR),
    "trace": (lambda x: x.diagonal(dim1=1, dim2=2).sum(-1), (3, 3)),
    "tril": (torch.tril, (3, 3)), "cat": (lambda x: torch.cat([x, x * x], -1), VECTOR),
    "roll": (lambda x: x.roll(1, 1), VECTOR),
    "repeat_interleave": (lambda x: x.repeat_interleave(2, 1), VECTOR),
    "unfold": (lambda x: x.unfold(1, 3, 1), (6,)),
    "index_select": (lambda x: x.index_select(1, torch.tensor([2, 0])), VECTOR),
    "take_along_dim": (lambda x: x.gather(1, x.argsort(dim=1, stable=True)), VECTOR),
    "slice writes": (_written, VECTOR),
    "index_put": (lambda x: x.index_put((torch.arange(x.shape[0])[:, None], torch.tensor([1, 3])),
                                        x[:, :2] * 2.0), VECTOR),
    "masked_fill": (lambda x: x.masked_fill(x > 0.5, 0.0), VECTOR),
    "scatter_add": (
        lambda x: torch.zeros_like(x).scatter_add(
            1, torch.tensor([[1, 1, 0, 2]]).expand(x.shape[0], 4), x), VECTOR),
    "scatter": (lambda x: x.scatter(1, torch.tensor([[2]]).expand(x.shape[0], 1), x[:, :1] * 3.0),
                VECTOR),
    "index_add": (lambda x: x.index_add(1, torch.tensor([0, 0]), x[:, :2]), VECTOR),
    "one_hot": (lambda x: F.one_hot(x.argmax(-1), 4), VECTOR),
    "bucketize": (lambda x: torch.bucketize(x, torch.tensor([-1.0, 0.0, 2.0])), VECTOR),
    "max_pool, ceil_mode": (
        lambda x: F.max_pool2d(x, 3, 2, padding=1, ceil_mode=True), (2, 6, 6)),
    "avg_pool, ceil_mode": (
        lambda x: F.avg_pool2d(x, 3, 2, padding=1, ceil_mode=True), (2, 6, 6)),
    "avg_pool, ceil_mode, without padding": (
        lambda x: F.avg_pool2d(x, 3, 2, padding=1, ceil_mode=True, count_include_pad=False),
        (2, 6, 6)),
    "lp_pool2d": (lambda x: F.lp_pool2d(x, 2.0, 2), (2, 4, 4)),
    **{f"interpolate {mode}": (
        lambda x, mode=mode: F.interpolate(x, scale_factor=1.5, mode=mode), shape)
       for mode, shape in (("linear", (2, 4)), ("bilinear", (2, 4, 4)), ("bicubic", (2, 4, 4)),
                           ("trilinear", (1, 2, 2, 2)), ("area", (2, 4, 4)),
                           ("nearest-exact", (2, 4, 4)))},
    "interpolate antialias": (
        lambda x: F.interpolate(x, size=(3, 3), mode="bilinear", antialias=True), (2, 6, 6)),
    "interpolate align_corners": (
        lambda x: F.interpolate(x, size=(5, 7), mode="bilinear", align_corners=True), (2, 4, 4)),
    "pad circular": (lambda x: F.pad(x, (1, 2), mode="circular"), (2, 4)),
    "pad reflect": (lambda x: F.pad(x, (1, 2), mode="reflect"), (2, 4)),
    "conv padding_mode circular": (
        lambda x: F.conv1d(F.pad(x, (1, 1), mode="circular"), torch.ones(1, 2, 3)), (2, 4)),
    "scaled_dot_product_attention": (
        lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True), (2, 3, 4)),
    "fold": (lambda x: F.fold(F.unfold(x, 2), (4, 4), 2), (2, 4, 4)),
    "long": (lambda x: (x * 2.0).long() + 1, VECTOR),
    "inverse": (lambda x: torch.linalg.inv(x + 9.0 * torch.eye(2)), (2, 2)),
    "cosine_similarity": (lambda x: F.cosine_similarity(x[:, :2], x[:, 2:], dim=-1), VECTOR),
    "cdist": (lambda x: torch.cdist(x, x), (3, 2)),
    "gumbel-free straight-through": (
        lambda x: F.one_hot(x.argmax(-1), 4) + x.softmax(-1) - x.softmax(-1).detach(), VECTOR),
}  # fmt: skip
"""Functions of rows, by name."""


class Function(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable) -> None:
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


ARGUMENTS = {
    "in_channels": 4, "out_channels": 2, "kernel_size": 2, "num_features": 4, "output_size": 2,
    "padding": 1, "norm_type": 2.0, "value": 0.5, "in_features": 4, "num_classes": 3,
}  # fmt: skip


def _made(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    if name in FUNCTIONS:
        return Function(FUNCTIONS[name][0]), FUNCTIONS[name][1]
    if name in RECIPES:
        return RECIPES[name][0](), RECIPES[name][1]
    kind = getattr(nn, name)
    wanted = inspect.signature(kind.__init__).parameters
    required = {k for k, v in wanted.items() if v.default is inspect.Parameter.empty}
    given = {k: v for k, v in ARGUMENTS.items() if k in required}
    shapes = {"1d": SEQUENCE, "2d": IMAGE, "3d": VIDEO}
    shape = next((s for end, s in shapes.items() if end in name), VECTOR)
    return kind(**given), shape


def modules() -> list[str]:
    """Return the names of the public module classes that compute a function of one row."""
    kinds = ((name, getattr(nn, name)) for name in sorted(dir(nn)))
    return [
        name
        for name, kind in kinds
        if inspect.isclass(kind) and issubclass(kind, nn.Module) and name not in NO_FUNCTION
    ]


def examine(name: str, count: int) -> str:
    """Return "" if a module is supported and agrees at `count` samples, or else the reason."""
    torch.manual_seed(0)
    try:
        module, shape = _made(name)
        module.eval()
        with torch.no_grad():
            module(torch.zeros(2, *shape))
            for parameter in module.parameters():
                parameter.uniform_(-0.8, 0.8)
            for title, buffer in module.named_buffers():
                if buffer.is_floating_point():
                    buffer.uniform_(0.2 if "var" in title else -0.8, 0.8)
    except Exception as error:
        return f"not built here: {type(error).__name__}: {first_line(error)}"

    def predict(x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return (
                module(torch.from_numpy(x).reshape(-1, *shape)).double().reshape(len(x), -1).numpy()
            )

    try:
        return compare(outrange.load(module, input_shape=shape), predict, count)
    except OutrangeError as error:
        return first_line(error)


def main() -> None:
    """Print the table, and the fraction that is supported."""
    args = parse_options(__doc__)
    for kind, names in (("module", modules()), ("function", list(FUNCTIONS))):
        names = [name for name in names if not args.only or name in args.only]
        if names:
            rows = {name: examine(name, args.samples) for name in names}
            show(kind, rows, args.markdown, f"PyTorch {torch.__version__}")


if __name__ == "__main__":
    main()
