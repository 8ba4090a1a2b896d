"""All cases of `vnnlib-satisfactory`, a test suite for solvers of VNN-LIB 2.0 by other authors."""

import pytest


pytestmark = pytest.mark.backends

REFUSED = {
    "arithmetic_poly/arithmetic_poly01": "products of entries",
    "arithmetic_poly/arithmetic_poly02": "products of entries",
    "arithmetic_poly/arithmetic_poly03": "products of entries",
    "arithmetic_poly/arithmetic_poly04": "products of entries",
    "maxpool/maxpool03": "inputs without bounds",
    "network_isomorphic/network_isomorphic01": "networks of different element types",
    "pow/pow06": "exponents that differ between entries",
}
"""The cases that are refused, with the reason."""


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """Write the models and queries of the suite; return its cases."""
    from vnntest.core.generator import generate_all_tests
    from vnntest.models.test_case import TestCase

    folder = tmp_path_factory.mktemp("satisfactory")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        entries = generate_all_tests(suite="full")
    written = folder / ".vnnlib-satisfactory" / "tests"
    return [TestCase.from_manifest_entry(entry, written / entry["category"]) for entry in entries]


def test_every_case_gets_its_expected_answer_or_is_refused(cases, capfd):
    from outrange.cli.exit_codes import MODEL, USAGE
    from outrange.cli.run import run

    wrong = []
    for case in cases:
        networks = [f"--network={name}={path}" for name, path in case.onnx_paths.items()]
        capfd.readouterr()
        code = run(["verify", str(case.vnnlib_path), *networks, "--timeout", "60"], vnnlib=True)
        verdict = capfd.readouterr().out.partition("\n")[0]
        is_refused = not verdict and code in (USAGE, MODEL)
        if (code, verdict) != (0, case.expected.value) and not (case.id in REFUSED and is_refused):
            expected = case.expected.value
            wrong.append(f"{case.id}: {verdict!r} with exit code {code}, expected {expected!r}")
    assert len(cases) - len(REFUSED) >= 170
    assert not wrong, "\n".join(wrong)
