"""Integer arithmetic was read as that of real numbers: `int(x) / 2` was 0.5 where it is 0."""

import numpy as np
import pytest


pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import outrange
from frontends.onnx_models import model, node, onnx, save_model
from outrange import y
from outrange.frontends.onnx import load_onnx
from outrange.frontends.onnx.rules.table import TABLE


KIND = onnx.TensorProto


def integer_network(path, *nodes, kind="INT32", shape=(1, 1), check="auto", **constants):
    """Load a network that casts `x` to integers `i`, runs nodes from `i` to `d`, and casts back."""
    first, last = node("Cast", "x", "i", to=getattr(KIND, kind)), node("Cast", "d", "y", to=1)
    return load_onnx(
        save_model(path, model([first, *nodes, last], constants, inputs={"x": shape})), check=check
    )


def i32(*values):
    return np.array(values, np.int32)


def test_a_quotient_of_integers(tmp_path):
    network = integer_network(tmp_path, node("Div", "i k", "d"), k=i32(2))
    bounds = outrange.output_range(network, (1, 1.9))
    assert (bounds.lo[0], bounds.hi[0], bounds.status) == (0.0, 0.0, "exact")
    assert outrange.verify(network, y[0] >= 0.499, (1, 1.9)).status == "VIOLATED"
    assert outrange.verify(network, (y[0] >= -3) & (y[0] <= 4), (-7.5, 9.5)).status == "HOLDS"
    bounds = outrange.output_range(network, (-7.5, 9.5))
    assert (bounds.lo[0], bounds.hi[0]) == (-3.0, 4.0)


@pytest.mark.parametrize(
    ("op", "lo", "hi", "least", "most"),
    [("ReduceMean", -3.5, 3.5, -3.0, 3.0), ("ReduceL2", 0.0, 2.9, 0.0, 2.0)],
)
def test_reductions_of_integers(tmp_path, op, lo, hi, least, most):
    network = integer_network(tmp_path, node(op, "i", "d", axes=[1]), shape=(1, 2))
    bounds = outrange.output_range(network, (lo, hi))
    assert (bounds.lo[0], bounds.hi[0]) == (least, most)
    x = np.float32([[1.0, 2.0], [-1.0, -2.0], [1.9, 1.9], [0.0, -3.5]])
    assert np.array_equal(network.graph.run(x.astype(float)), network.predict(x))


def test_an_index_of_floats_is_cast_first(tmp_path):
    constants = {"n": np.array(3, np.float32), "v": np.float32([0, 1])}
    network = load_onnx(save_model(tmp_path, model([node("OneHot", "x n v", "y")], constants)))
    x = np.float32([[1.5, -0.5, 2.0, 0.0]])
    assert np.array_equal(network.graph.run(x.astype(float)), network.predict(x))


def test_the_comparison_at_load_sees_it(tmp_path, monkeypatch):
    """Every point counted as one at a jump, where anything goes."""
    monkeypatch.setitem(TABLE, "Div", lambda c: c.b.divide(c.x, c.operand(1)))
    for k in (2, 1000):
        with pytest.raises(outrange.ModelError, match="in the graph and"):
            integer_network(tmp_path, node("Div", "i k", "d"), k=i32(k))


@pytest.mark.parametrize("kind", ["INT8", "UINT8", "INT16", "INT32", "INT64"])
def test_what_a_type_does_not_hold_is_refused(tmp_path, kind):
    network = integer_network(tmp_path, node("Identity", "i", "d"), kind=kind)
    least, most = {"INT64": (-(2.0**50), 2.0**50)}.get(kind) or (
        float(np.iinfo(kind.lower()).min), float(np.iinfo(kind.lower()).max)
    )  # fmt: skip
    low, high = network.graph.inputs[0].limits
    assert least - 1 < low <= 0.999 * least and 0.999 * most <= high < most + 1
    outrange.output_range(network, (max(0.0, low), min(high, 100.0)))
    for box in ((0, 1.01 * most + 2), (1.01 * least - 2, 0)):
        with pytest.raises(outrange.InputError, match=r"wrap around.*choose a box within"):
            outrange.output_range(network, box)


def test_sums_that_wrap_around_are_refused(tmp_path):
    """200 and more made 2 of 58."""
    network = integer_network(
        tmp_path, node("Add", "i k", "d"), kind="UINT8", k=np.array([200], np.uint8)
    )
    assert outrange.output_range(network, (0, 55.5)).hi[0] == 255.0
    with pytest.raises(outrange.InputError, match="wrap around"):
        outrange.output_range(network, (0, 57))


def test_properties_and_balls_keep_the_limits(tmp_path):
    network = integer_network(tmp_path, node("Identity", "i", "d"), kind="INT8", shape=(1, 2))
    text = tmp_path / "far.vnnlib"
    text.write_text(
        "(declare-const X_0 Real)(declare-const X_1 Real)(declare-const Y_0 Real)"
        "(declare-const Y_1 Real)(assert (>= X_0 0))(assert (<= X_0 300))"
        "(assert (>= X_1 0))(assert (<= X_1 1))(assert (>= Y_0 400))"
    )
    with pytest.raises(outrange.InputError, match="limited to"):
        outrange.verify(network, text)
    with pytest.raises(outrange.InputError, match=r"limited to.*`eps`"):
        outrange.robustness(network, [2.0, 1.0])
    ball = outrange.robustness(network, [2.5, 1.5], perturbation=outrange.Perturbation(100.0))
    assert 0.0 < ball.lo <= ball.hi <= 1.0


def test_a_table_that_ends(tmp_path):
    """Rows beyond the last were 0, and the runtime fails there."""
    table = np.float32([3.0, 5.0, 4.0])
    nodes = [node("Cast", "x", "i", to=7), node("Gather", "t i", "y")]
    network = load_onnx(save_model(tmp_path, model(nodes, {"t": table}, inputs={"x": (1, 1)})))
    assert outrange.output_range(network, (0, 2.5)).hi[0] == 5.0
    with pytest.raises(outrange.InputError, match="table"):
        outrange.output_range(network, (0, 9))


@pytest.mark.parametrize("kind", ["FLOAT16", "BFLOAT16"])
def test_half_of_a_float_is_refused(tmp_path, kind):
    nodes = [node("Cast", "x", "h", to=getattr(KIND, kind)), node("Cast", "h", "y", to=1)]
    with pytest.raises(outrange.UnsupportedError, match=f"type {kind.lower()}.*float32.*Received"):
        load_onnx(save_model(tmp_path, model(nodes)))


def test_weights_kept_in_half_are_read(tmp_path):
    nodes = [node("Cast", "h", "w", to=1), node("Mul", "x w", "y")]
    constants = {"h": np.float16([0.1, 0.2, 0.3, 0.4])}
    network = load_onnx(save_model(tmp_path, model(nodes, constants)))
    assert np.array_equal(network.graph.run(np.ones((1, 4)))[0], constants["h"].astype(float))


def test_types_that_do_not_fit_each_other(tmp_path):
    """NumPy would have made floats of both."""
    path = save_model(tmp_path, model([node("Add", "x k", "y")], {"k": np.arange(4)}))
    with pytest.raises(outrange.ModelError, match=r"element types.*int64"):
        load_onnx(path)


def test_integers_too_large_for_float64(tmp_path):
    far = np.array([2**60 + 1], np.int64)
    with pytest.raises(outrange.UnsupportedError, match="beyond 2\\^53"):
        integer_network(tmp_path, node("Add", "i k", "d"), kind="INT64", k=far)
    network = integer_network(tmp_path, node("Less", "i k", "d"), kind="INT64", k=far)
    assert outrange.output_range(network, (-5, 5)).lo[0] == 1.0


def test_a_loop_keeps_the_types_of_what_it_carries(tmp_path):
    body = onnx.helper.make_graph(
        [node("Div", "s two", "t"), node("Identity", "go", "on")], "body",
        [onnx.helper.make_tensor_value_info(n, k, s)
         for n, k, s in (("n", KIND.INT64, []), ("go", KIND.BOOL, []), ("s", KIND.INT32, [1, 1]))],
        [onnx.helper.make_tensor_value_info(n, k, s)
         for n, k, s in (("on", KIND.BOOL, []), ("t", KIND.INT32, [1, 1]))],
    )  # fmt: skip
    loop = node("Loop", "rounds _ i", "d", body=body)
    network = integer_network(tmp_path, loop, rounds=np.array(2), two=i32(2))
    x = np.arange(-9.0, 10.0)[:, None]
    assert np.array_equal(network.graph.run(x), np.trunc(np.trunc(x / 2) / 2))


# ---- layers of Keras, and code for JAX ------------------------------------------------------


def keras_model(function, dtype="int32"):
    keras = pytest.importorskip("keras")

    class Own(keras.layers.Layer):
        def call(self, x):
            return function(x)

        def compute_output_spec(self, x):
            return keras.KerasTensor((None, 2), "float32")

    inputs = keras.Input((2,), dtype=dtype)
    layer = Own(dtype=dtype) if dtype == "int32" else Own()
    return keras.Model(inputs, layer(inputs))


def jax_code():
    """Functions of integers in JAX, and whether they are read."""
    lax = pytest.importorskip("jax").lax
    import jax.numpy as jnp

    def mean(x):
        whole = jnp.mean(x, axis=-1, keepdims=True, dtype="int32")
        return whole.astype("float32") * jnp.ones((1, 2))

    return {
        "quotient": (lambda x: lax.div(x, jnp.full_like(x, -2)).astype("float32"), True),
        "remainder": (lambda x: lax.rem(x, jnp.full_like(x, 3)).astype("float32"), True),
        "mean": (mean, True),
        "truth": (lambda x: lax.convert_element_type(x, bool).astype("float32"), True),
        "bits": (lambda x: (jnp.asarray(x) | 4).astype("float32"), False),
    }


@pytest.mark.parametrize("name", ["quotient", "remainder", "mean", "truth", "bits"])
def test_integers_in_code_for_jax(name):
    if pytest.importorskip("keras").backend.backend() != "jax":
        pytest.skip("needs the JAX backend")
    function, is_read = jax_code()[name]
    model = keras_model(function)
    if not is_read:
        with pytest.raises(outrange.UnsupportedError, match="integers"):
            outrange.load(model)
        return
    network = outrange.load(model)
    x = np.arange(-9, 9, dtype=np.float32).reshape(-1, 2)
    assert np.array_equal(network.graph.run(x.astype(float)), network.predict(x))


def test_casts_in_keras_keep_their_types():
    """Squares of 32 bits wrapped around unseen, and a fill of 1.7 was 1.7 among integers."""
    keras = pytest.importorskip("keras")
    ops = keras.ops
    inputs = keras.Input((2,))
    whole = ops.cast(inputs, "int32")
    network = outrange.load(keras.Model(inputs, ops.cast(whole * whole, "float32")))
    assert outrange.output_range(network, (0, 46000)).hi[0] == pytest.approx(46000.0**2)
    with pytest.raises(outrange.InputError, match="choose a box within"):
        outrange.output_range(network, (0, 50000))
    filled = keras.Model(inputs, ops.cast(ops.full_like(whole, 1.7) + whole, "float32"))
    assert outrange.output_range(filled, (0.5, 0.75)).hi[0] == 1.0
    halved = keras.Model(inputs, ops.cast(ops.floor_divide(whole, 49), "float32"))
    assert outrange.output_range(halved, (49.0, 49.5)).lo[0] == 1.0
