"""All cases of `vnnlib-satisfactory`, a test suite for solvers of VNN-LIB 2.0 by other authors."""

import pytest


pytestmark = pytest.mark.backends

REFUSED = {
    "arithmetic_poly": "products of entries",
    "cast": "integer outputs, and a runtime's own formula of Cast in float32",
    "hidden": "values inside the network",
    "pow": "a runtime's own formula of Pow in float32",
    "shape": "integer outputs",
}
"""Categories whose cases may be refused, with the reason."""
REFUSED_CASES = {
    "maxpool/maxpool03": "inputs without bounds",
    "network_isomorphic/network_isomorphic01": "networks of different element types",
}


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
        may_be_refused = case.category in REFUSED or case.id in REFUSED_CASES
        is_refused = not verdict and code in (USAGE, MODEL)
        if (code, verdict) != (0, case.expected.value) and not (may_be_refused and is_refused):
            expected = case.expected.value
            wrong.append(f"{case.id}: {verdict!r} with exit code {code}, expected {expected!r}")
    assert len(cases) >= 170
    assert not wrong, "\n".join(wrong)
