"""A table of the functions of `jax.nn` and `jax.numpy` that are supported, and why others are not.

    python benchmarks/jax_functions.py [--only NAME ...] [--samples COUNT] [--markdown]

Every public function of `jax.nn`, and the functions of `jax.numpy` and `jax.lax` listed here, are
read like the code of a layer, compared with JAX itself at random samples in float32, and bounded.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from native_samples import compare, first_line, parse_options, show

from outrange.core import OutrangeError
from outrange.frontends.check import check_same
from outrange.frontends.input_limits import limited_inputs
from outrange.frontends.jax import read
from outrange.frontends.network import Network
from outrange.graph import Builder, Slot, Value


W = np.random.default_rng(3).normal(0.0, 0.7, (4, 4)).astype(np.float32)
"""A constant that the functions use. Rows of the input have the shapes `(4,)`, `(4, 6)` or `(1, 4,
4)`."""

Case = tuple[Callable, tuple[int, ...]]
VECTOR, MATRIX = (4,), (4, 6)

NN: dict[str, Case] = {
    "dot_product_attention": (
        lambda x: jax.nn.dot_product_attention(x[:, :, None], x[:, :, None], x[:, :, None]),
        (3, 4)),
    "glu": (jax.nn.glu, VECTOR),
    "one_hot": (lambda x: jax.nn.one_hot(x.clip(0, 2).astype(int), 3), VECTOR),
    "logsumexp": (lambda x: jax.nn.logsumexp(x, axis=-1), VECTOR),
    "logmeanexp": (lambda x: jax.nn.logmeanexp(x, axis=-1), VECTOR),
    "log1mexp": (lambda x: jax.nn.log1mexp(jnp.exp(x)), VECTOR),
    "scaled_matmul": (
        lambda x: jax.nn.scaled_matmul(x[None], W[None], jnp.ones((1, x.shape[0], 1)),
                                       jnp.ones((1, 4, 1)))[0], VECTOR),
    "scaled_dot_general": (
        lambda x: jax.nn.scaled_dot_general(x, W, (((1,), (0,)), ((), ()))), VECTOR),
}  # fmt: skip

NOT_OF_ARRAYS = ("get_scaled_dot_general_config",)

ROW = {"axis": -1}

NUMPY: dict[str, Case] = {
    **{n: (getattr(jnp, n), VECTOR) for n in (
        "abs", "absolute", "negative", "positive", "sign", "square", "sin", "cos", "tanh", "sinh",
        "cosh", "arctan", "exp", "exp2", "expm1", "floor", "ceil", "round", "rint", "trunc",
        "sinc", "isnan", "isinf", "isfinite", "nan_to_num", "deg2rad", "rad2deg", "radians",
        "degrees", "fabs", "signbit", "conj", "real", "imag", "arcsinh", "atleast_2d", "ravel",
        "copy", "zeros_like", "ones_like", "i0", "tan",
    )},
    **{n: (lambda x, n=n: getattr(jnp, n)(jnp.square(x) + 0.5), VECTOR) for n in (
        "log", "log2", "log10", "log1p", "sqrt", "cbrt", "reciprocal",
    )},
    **{n: (lambda x, n=n: getattr(jnp, n)(0.9 * jnp.tanh(x)), VECTOR) for n in (
        "arcsin", "arccos", "arctanh",
    )},
    "arccosh": (lambda x: jnp.arccosh(jnp.square(x) + 1.5), VECTOR),
    **{n: (lambda x, n=n: getattr(jnp, n)(x[:, :2], x[:, 2:]), VECTOR) for n in (
        "add", "subtract", "multiply", "maximum", "minimum", "fmax", "fmin", "logaddexp",
        "logaddexp2", "greater", "greater_equal", "less", "less_equal", "equal", "not_equal",
        "hypot", "arctan2", "copysign", "heaviside",
    )},
    **{n: (lambda x, n=n: getattr(jnp, n)(x[:, :2], jnp.square(x[:, 2:]) + 0.5), VECTOR)
       for n in ("divide", "true_divide")},
    **{n: (lambda x, n=n: getattr(jnp, n)(x, 0.75), VECTOR) for n in (
        "mod", "remainder", "fmod", "floor_divide",
    )},
    "power": (lambda x: jnp.power(jnp.square(x) + 0.1, 1.5), VECTOR),
    "float_power": (lambda x: jnp.float_power(jnp.square(x) + 0.1, 1.5), VECTOR),
    "divmod": (lambda x: jnp.concatenate(jnp.divmod(x, 0.75), -1), VECTOR),
    "modf": (lambda x: jnp.concatenate(jnp.modf(x), -1), VECTOR),
    **{n: (lambda x, n=n: getattr(jnp, n)(x[:, :2] > 0, x[:, 2:] > 0), VECTOR) for n in (
        "logical_and", "logical_or", "logical_xor",
    )},
    "logical_not": (lambda x: jnp.logical_not(x > 0), VECTOR),
    **{n: (lambda x, n=n: getattr(jnp, n)(x, **ROW), MATRIX) for n in (
        "sum", "mean", "max", "min", "amax", "amin", "std", "var", "argmax", "argmin", "sort",
        "argsort", "median", "ptp", "cumsum", "prod", "cumprod", "nansum", "nanmax", "nanmin",
        "nanmean", "nanargmax", "count_nonzero", "average", "diff", "flip", "logspace",
    ) if n != "logspace"},
    **{n: (lambda x, n=n: getattr(jnp, n)(x > 0, **ROW), MATRIX) for n in ("any", "all")},
    "quantile": (lambda x: jnp.quantile(x, 0.3, **ROW), MATRIX),
    "percentile": (lambda x: jnp.percentile(x, 70.0, **ROW), MATRIX),
    "nanmedian": (lambda x: jnp.nanmedian(x, **ROW), MATRIX),
    "nanvar": (lambda x: jnp.nanvar(x, **ROW), MATRIX),
    "where": (lambda x: jnp.where(x > 0, x, 0.1 * jnp.exp(x)), VECTOR),
    "clip": (lambda x: jnp.clip(x, -1.0, 0.5), VECTOR),
    "select": (lambda x: jnp.select([x > 1, x > 0], [x, x * x], -x), VECTOR),
    "piecewise": (lambda x: jnp.piecewise(x, [x < 0, x >= 1], [-1.0, lambda v: v, 0.5]), VECTOR),
    "interp": (lambda x: jnp.interp(x, jnp.array([-1.0, 0.0, 2.0]), jnp.array([0.0, 1.0, -1.0])),
               VECTOR),
    "digitize": (lambda x: jnp.digitize(x, jnp.array([-1.0, 0.0, 2.0])), VECTOR),
    "searchsorted": (lambda x: jnp.searchsorted(jnp.array([-1.0, 0.0, 2.0]), x), VECTOR),
    "polyval": (lambda x: jnp.polyval(jnp.array([1.0, -2.0, 0.5]), x), VECTOR),
    "dot": (lambda x: jnp.dot(x, W), VECTOR),
    "matmul": (lambda x: jnp.matmul(x.swapaxes(1, 2), x), (3, 4)),
    "einsum": (lambda x: jnp.einsum("bij,bkj->bik", x, x), (3, 4)),
    "tensordot": (lambda x: jnp.tensordot(x, W, 1), VECTOR),
    "inner": (lambda x: jnp.inner(x, W), VECTOR),
    "outer": (lambda x: jax.vmap(jnp.outer)(x, x), VECTOR),
    "kron": (lambda x: jax.vmap(lambda v: jnp.kron(v, W[0]))(x), VECTOR),
    "vdot": (lambda x: jax.vmap(jnp.vdot)(x[:, :2], x[:, 2:]), VECTOR),
    "cross": (lambda x: jnp.cross(x[:, :3], x[:, 3:]), (6,)),
    "trace": (lambda x: jnp.trace(x, axis1=1, axis2=2), (3, 3)),
    "diagonal": (lambda x: jnp.diagonal(x, axis1=1, axis2=2), (3, 3)),
    "diag": (lambda x: jax.vmap(jnp.diag)(x), VECTOR),
    "tril": (jnp.tril, (3, 3)), "triu": (jnp.triu, (3, 3)),
    "convolve": (lambda x: jax.vmap(lambda v: jnp.convolve(v, W[0, :3]))(x), VECTOR),
    "correlate": (lambda x: jax.vmap(lambda v: jnp.correlate(v, W[0, :3]))(x), VECTOR),
    "gradient": (lambda x: jnp.gradient(x, axis=1), MATRIX),
    "trapezoid": (lambda x: jnp.trapezoid(x), MATRIX),
    "linalg.norm": (lambda x: jnp.linalg.norm(x, axis=-1), MATRIX),
    "linalg.inv": (lambda x: jnp.linalg.inv(x + 9.0 * jnp.eye(2)), (2, 2)),
    "linalg.det": (lambda x: jnp.linalg.det(x), (2, 2)),
    "linalg.matrix_power": (lambda x: jnp.linalg.matrix_power(x, 3), (2, 2)),
    "vecdot": (lambda x: jnp.vecdot(x[:, :2], x[:, 2:]), VECTOR),
    "reshape": (lambda x: jnp.reshape(x, (x.shape[0], -1)), MATRIX),
    "transpose": (lambda x: jnp.transpose(x, (0, 2, 1)), MATRIX),
    "swapaxes": (lambda x: jnp.swapaxes(x, 1, 2), MATRIX),
    "moveaxis": (lambda x: jnp.moveaxis(x, 1, 2), MATRIX),
    "squeeze": (lambda x: jnp.squeeze(x[:, :1], 1), MATRIX),
    "expand_dims": (lambda x: jnp.expand_dims(x, 1), MATRIX),
    "concatenate": (lambda x: jnp.concatenate([x, x * x], -1), VECTOR),
    "stack": (lambda x: jnp.stack([x, -x], 1), VECTOR),
    "hstack": (lambda x: jnp.hstack([x, -x]), VECTOR),
    "split": (lambda x: jnp.split(x, 2, 1)[1], VECTOR),
    "tile": (lambda x: jnp.tile(x, (1, 2)), VECTOR),
    "repeat": (lambda x: jnp.repeat(x, 2, 1), VECTOR),
    "roll": (lambda x: jnp.roll(x, 1, 1), VECTOR),
    "pad": (lambda x: jnp.pad(x, ((0, 0), (1, 2)), constant_values=0.5), VECTOR),
    "pad wrap": (lambda x: jnp.pad(x, ((0, 0), (1, 2)), mode="wrap"), VECTOR),
    "take": (lambda x: jnp.take(x, np.array([2, 0]), axis=1), VECTOR),
    "take from a table": (
        lambda x: jnp.take(W, jnp.argmax(x, axis=1), axis=0, mode="clip"), VECTOR),
    "take of the input": (
        lambda x: jax.vmap(lambda v: jnp.outer(v, v)[jnp.argmax(v)])(x), VECTOR),
    "take_along_axis": (
        lambda x: jnp.take_along_axis(x, jnp.argsort(x, axis=1), axis=1), VECTOR),
    "at[].set": (lambda x: x.at[:, 1].set(x[:, 0] * 2.0), VECTOR),
    "at[].add": (lambda x: x.at[:, 1:3].add(0.5), VECTOR),
    "at[].multiply": (lambda x: x.at[:, 1].multiply(x[:, 0]), VECTOR),
    "at[].max": (lambda x: x.at[:, 1].max(x[:, 0]), VECTOR),
    "delete": (lambda x: jnp.delete(x, 1, axis=1), VECTOR),
    "insert": (lambda x: jnp.insert(x, 1, 0.5, axis=1), VECTOR),
    "append": (lambda x: jnp.append(x, x, axis=1), VECTOR),
    "broadcast_to": (lambda x: jnp.broadcast_to(x[:, None], (x.shape[0], 2, 4)), VECTOR),
    "isclose": (lambda x: jnp.isclose(x[:, :2], x[:, 2:], atol=0.5), VECTOR),
    "unwrap": (lambda x: jnp.unwrap(x), VECTOR),
    "fft.rfft": (lambda x: jnp.abs(jnp.fft.rfft(x)), VECTOR),
}  # fmt: skip

LAX: dict[str, Case] = {
    "jax.checkpoint": (jax.checkpoint(lambda x: jnp.sin(x) * x), VECTOR),
    "jax.jit": (jax.jit(lambda x: jnp.tanh(x @ W)), VECTOR),
    "jax.vmap": (jax.vmap(lambda v: jnp.tanh(W @ v)), VECTOR),
    "lax.conv_transpose": (
        lambda x: jax.lax.conv_transpose(
            x, W.reshape(2, 2, 4, 1), (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")),
        (2, 2, 4)),
    "lax.conv_general_dilated": (
        lambda x: jax.lax.conv_general_dilated(x[:, None], W[:2, :3].reshape(2, 1, 3), (1,),
                                               "SAME"), VECTOR),
    "lax.reduce_window": (
        lambda x: jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2), (1, 2, 2), "VALID"),
        MATRIX),
    "lax.fori_loop": (
        lambda x: jax.lax.fori_loop(0, 3, lambda i, v: jnp.tanh(v) + x, x), VECTOR),
    "lax.scan": (
        lambda x: jax.lax.scan(lambda c, r: (jnp.tanh(c + r), c), x[:, 0], x.T)[0], VECTOR),
    "lax.cond": (
        lambda x: jax.vmap(lambda v: jax.lax.cond(v[0] > 0, jnp.sin, jnp.cos, v))(x), VECTOR),
    "lax.top_k": (lambda x: jnp.concatenate(jax.lax.top_k(x, 2), -1), VECTOR),
    "lax.dynamic_update_slice": (
        lambda x: jax.lax.dynamic_update_slice(x, x[:, :1] * 2.0, (0, 2)), VECTOR),
    "lax.cummax": (lambda x: jax.lax.cummax(x, 1), VECTOR),
    "lax.erf_inv": (lambda x: jax.lax.erf_inv(0.9 * jnp.tanh(x)), VECTOR),
    "lax.stop_gradient": (lambda x: jax.lax.stop_gradient(x) * x, VECTOR),
    "image.resize": (
        lambda x: jax.image.resize(x, (x.shape[0], 6, 3), "linear"), (4, 4)),
}  # fmt: skip


def cases() -> dict[str, Case]:
    """Return, by name, a function of rows and the shape of a row."""
    found: dict[str, Case] = {}
    for name in sorted(dir(jax.nn)):
        function = getattr(jax.nn, name)
        if callable(function) and not isinstance(function, type) and name not in NOT_OF_ARRAYS:
            found[f"nn.{name}"] = NN.get(name, (function, VECTOR))
    found |= {f"numpy.{name}": case for name, case in NUMPY.items()}
    return found | LAX


def examine(function: Callable, shape: tuple[int, ...], count: int) -> str:
    """Return "" if a function is supported and agrees at `count` samples, or else the reason."""
    compiled = jax.jit(function)
    try:
        compiled(np.zeros((2, *shape), np.float32))
    except Exception as error:
        return f"not run here: {type(error).__name__}: {first_line(error)}"

    def predict(x: np.ndarray) -> np.ndarray:
        y = compiled(np.asarray(x, np.float32).reshape(-1, *shape))
        return np.asarray(y, np.float64).reshape(len(x), -1)

    b = Builder([Slot("x", shape)], source="function")
    try:
        found = read(b, lambda x: [function(x)], b.input_values(), ["float32"])
        b.inputs = limited_inputs(b, [])
        outputs = [x if isinstance(x, Value) else np.asarray(x, float) for x in found]
        graph = b.finish(outputs, ["y"])
        network = Network(graph, predict, "function", "jax", (), None, b.plain, b.places)
        check_same(network)
        return compare(network, predict, count)
    except OutrangeError as error:
        return first_line(error)


def main() -> None:
    """Print the table, and the fraction that is supported."""
    args = parse_options(__doc__)
    tables: dict[str, dict[str, str]] = {}
    for name, (function, shape) in cases().items():
        if not args.only or name in args.only:
            kind = f"jax.{name.split('.')[0]}" if name.startswith(("nn.", "numpy.")) else "others"
            short = name.split(".", 1)[1] if kind != "others" else name
            tables.setdefault(kind, {})[short] = examine(function, shape, args.samples)
    for kind, rows in tables.items():
        show(kind, rows, args.markdown, f"JAX {jax.__version__}")


if __name__ == "__main__":
    main()
