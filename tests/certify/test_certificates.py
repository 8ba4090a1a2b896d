"""Certificates of answers: the checker accepts them; unsupported questions are refused first."""

import json
import zipfile

import keras
import numpy as np
import pytest

import outrange
from outrange import InputError, y
from outrange_check.certificate import check


def model(*activations, seed=0, inputs=3, width=8, outputs=2):
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Dense(width, a) for a in activations]
    return keras.Sequential([keras.Input((inputs,)), *layers, keras.layers.Dense(outputs)])


def text_of(answer):
    """Return the text of an answer without its line breaks."""
    return " ".join(str(answer).split())


KINKS = [("relu", "relu"), ("leaky_relu", "relu"), ("relu6",), ("hard_tanh", "relu")]


@pytest.mark.parametrize("activations", KINKS, ids="-".join)
def test_ranges_are_certified(tmp_path, activations):
    file, net = tmp_path / "range.proof", model(*activations)
    answer = outrange.output_range(net, (-1, 1), certificate=file)
    theorem = check(str(file))
    assert theorem.sentences and theorem.model is None
    for name, end in (("y[0]", answer.lo[0]), ("y[1]", answer.lo[1])):
        assert any(name in s and repr(float(end)) in s for s in theorem.sentences)
    plain = outrange.output_range(net, (-1, 1))
    assert (answer.lo <= plain.lo + 1e-12).all() and (plain.hi - 1e-12 <= answer.hi).all()
    assert np.allclose(answer.lo, plain.lo, rtol=0, atol=1e-5)
    assert answer.is_exact


def test_the_checker_is_run_and_the_answer_says_so(tmp_path):
    file = tmp_path / "range.proof"
    answer = outrange.output_range(model("relu"), (0, 1), certificate=file)
    assert answer.warrant.name == "CERTIFIED"
    assert "checked by outrange-check" in text_of(answer)
    assert answer.warrant < outrange.output_range(model("relu"), (0, 1)).warrant or file.exists()


def test_the_network_of_a_file_is_the_one_the_checker_reads(tmp_path):
    net, file = tmp_path / "net.keras", tmp_path / "range.proof"
    model("relu", "relu").save(net)
    outrange.output_range(net, (-1, 1), certificate=file)
    assert check(str(file), str(net)).model is not None
    model("relu", "relu", seed=1).save(net)
    with pytest.raises(Exception, match="SHA-256"):
        check(str(file), str(net))


@pytest.mark.slow
def test_the_other_questions(tmp_path):
    net, other, file = model("relu", "relu"), model("relu", "relu", seed=1), tmp_path / "a.proof"
    hidden = outrange.load(net, layer=net.layers[0].name)
    questions = [
        lambda **more: outrange.verify(net, "y[0] <= 30 and y[1] >= -30", (-1, 1), **more),
        lambda **more: outrange.verify(net, (y[0] <= 30) | (y[1] >= 1), (-1, 1), **more),
        lambda **more: outrange.minimize(net, y[0] - 2 * y[1] + 1, (-1, 1), **more),
        lambda **more: outrange.maximize(net, y[0], (-1, 1), **more),
        lambda **more: outrange.robustness(net, [0.1, 0.4, 0.3], **more),
        lambda **more: outrange.difference_range(net, other, (-0.1, 0.1), **more),
        lambda **more: outrange.output_range(hidden, (-1, 1), **more),
        lambda **more: outrange.monotone(hidden, (-1, 1), **more),
    ]
    for ask in questions:
        answer = ask(certificate=file)
        assert "checked by outrange-check" in answer.certificate
        assert check(str(file)).boxes >= 1
        file.unlink()


def test_a_property_that_is_violated_gets_none(tmp_path):
    file = tmp_path / "a.proof"
    verdict = outrange.verify(model("relu"), y[0] <= -100, (0, 1), certificate=file)
    assert verdict.status == "VIOLATED" and not file.exists()


def test_a_claim_that_is_tightened_is_refused(tmp_path):
    file, worse = tmp_path / "a.proof", tmp_path / "b.proof"
    outrange.output_range(model("relu", "relu"), (-1, 1), certificate=file)
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(worse, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "claim.json":
                claim = json.loads(data)
                least = claim["parts"][0]["claims"][0]["least"][0] + 1e-6
                claim["parts"][0]["claims"][0]["least"] = [least, least.hex()]
                data = json.dumps(claim).encode()
            new.writestr(name, data)
    with pytest.raises(Exception, match="not proved"):
        check(str(worse))


def check_refused(tmp_path, ask, match):
    file = tmp_path / "a.proof"
    with pytest.raises((InputError, outrange.UnsupportedError), match=match):
        ask(file)
    assert not file.exists()


def test_unsupported_questions_are_refused_before_the_search(tmp_path):
    net = model("relu")
    normal = keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization()])
    ask = outrange.output_range
    check_refused(tmp_path, lambda f: ask(normal, (0, 1), certificate=f), "covers affine")
    check_refused(tmp_path, lambda f: ask(net, (0, 1), arithmetic="float32", certificate=f), "real")
    ball = outrange.L2Ball([0.1, 0.2, 0.3], 0.1)
    check_refused(tmp_path, lambda f: ask(net, ball, certificate=f), "box")
    least = outrange.minimize
    check_refused(
        tmp_path, lambda f: least(net, y[0], (0, 1), where=y[1] >= 0, certificate=f), "where"
    )


def test_the_answer_reports_that_the_time_was_over(tmp_path):
    file = tmp_path / "a.proof"
    answer = outrange.output_range(
        model("relu", "relu", inputs=12, width=64), (-1, 1), time_limit=0.5, certificate=file
    )
    assert not file.exists()
    assert "No certificate was written" in text_of(answer)


def test_without_a_certificate_the_answer_stays_and_the_old_file_too(tmp_path, monkeypatch):
    file = tmp_path / "a.proof"
    net = model("relu")
    outrange.output_range(net, (0, 1), certificate=file)
    old_bytes = file.read_bytes()
    monkeypatch.setattr("outrange.certify.certificates.prove_box", lambda *_: None)
    answer = outrange.output_range(net, (0, 1), certificate=file)
    assert answer.is_exact and answer.warrant.name == "FLOAT64_ROUNDED"
    assert "no proof tree was found" in answer.certificate and "no proof tree" in text_of(answer)
    assert file.read_bytes() == old_bytes and len(list(tmp_path.iterdir())) == 1


def test_an_interrupt_leaves_the_answer(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    net = model("relu")
    for step in ("prove_box", "run_checker"):
        monkeypatch.setattr(f"outrange.certify.certificates.{step}", interrupt)
        answer = outrange.output_range(net, (0, 1), certificate=tmp_path / "a.proof")
        assert answer.is_exact and answer.warrant.name == "FLOAT64_ROUNDED"
        assert "interrupted while the proof" in answer.certificate and not list(tmp_path.iterdir())
        monkeypatch.undo()


def test_a_refusal_of_the_checker_is_reported(tmp_path, monkeypatch):
    file = tmp_path / "a.proof"
    monkeypatch.setattr("outrange.certify.certificates.run_checker", lambda *_: "REFUSED: so")
    verdict = outrange.verify(model("relu"), y[0] <= 100, (0, 1), certificate=file)
    assert verdict.holds and "REFUSED: so" in text_of(verdict)
    assert not list(tmp_path.iterdir())


def test_paths_and_sets_are_checked_before_the_search(tmp_path):
    net = model("relu")
    for path in (tmp_path / "no" / "a.proof", tmp_path):
        with pytest.raises(InputError, match="folder"):
            outrange.output_range(net, (0, 1), certificate=path)
    for path in (3, True, b"a.proof"):
        with pytest.raises(InputError, match="must be the path of a file"):
            outrange.output_range(net, (0, 1), certificate=path)
    file = tmp_path / "a.proof"
    with pytest.raises(InputError, match="box"):
        ball = outrange.L2Ball([0.1, 0.2, 0.3], 0.1)
        outrange.verify(net, y[0] <= 100, ball, certificate=file)
    with pytest.raises(InputError, match="combines inputs"):
        outrange.verify(net, y[0] <= 100 + outrange.x[0], (0, 1), certificate=file)


def test_no_file_is_lost_that_is_no_certificate(tmp_path):
    net, file = tmp_path / "net.keras", tmp_path / "a.proof"
    model("relu").save(net)
    model_bytes = net.read_bytes()
    with pytest.raises(InputError, match="a file of another kind, which would be lost"):
        outrange.output_range(net, (0, 1), certificate=net)
    assert net.read_bytes() == model_bytes
    file.touch()
    for _ in range(2):
        answer = outrange.output_range(net, (0, 1), certificate=file)
        assert "checked by outrange-check" in answer.certificate and file.stat().st_size > 100


def test_a_file_that_has_changed_is_not_certified(tmp_path):
    net = tmp_path / "net.keras"
    model("relu").save(net)
    network = outrange.load(net)
    model("relu", seed=1).save(net)
    with pytest.raises(InputError, match="changed since"):
        outrange.output_range(network, (0, 1), certificate=tmp_path / "a.proof")
