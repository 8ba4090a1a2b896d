"""The report that several tests of its page read."""

import pytest

import outrange
from outrange import y


@pytest.fixture(scope="session")
def house_report(tmp_path_factory):
    from reports.house import houses, model

    path = tmp_path_factory.mktemp("plain") / "house_prices.keras"
    model().save(path)
    return outrange.report(
        path, data=houses(), units={"price": "EUR", "area": "m²"}, time_limit=120,
        properties=[y[0] <= 1e6, y[0] <= -1e6],
    )  # fmt: skip
