"""Tests of the front end alone, against a scripted server."""

import re

import pytest

from outrange.explorer.app_files import STATIC


pytestmark = [pytest.mark.browser, pytest.mark.wallclock]
pytest.importorskip("playwright")

TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

START = """
async () => {
  const { Explorer } = await import("/static/explorer.js");
  const root = document.getElementById("explorer");
  const sent = [];
  globalThis.front = new Explorer(root, { send: (message) => sent.push(message) });
  globalThis.last = (kind) => sent.filter((message) => message.ask === kind).at(-1);
  globalThis.tell = (kind, message) => {
    const { id, box } = last(kind);
    front.receive({ id, box, ...message });
  };
  front.receive({
    say: "hello", model: "net", inputs: ["a", "b"], x: ["x[0]", "x[1]"], whole: [false, false],
    groups: [], lo: [0, 0], hi: [1, 1], low: [0, 0], high: [1, 1], given: true, outputs: ["p", "q"],
    y: ["y[0]", "y[1]"], layers: [], parameters: 9, seconds: 60,
  });
  globalThis.range = (changes = {}) => tell("range", {
    say: "range", stage: "done", lo: [0, -1], hi: [2, 1], seen_lo: [0, -1], seen_hi: [2, 1],
    seconds: 1, boxes: 3, exact: true, reason: "exact", closed_lo: [true, true],
    closed_hi: [true, true], ...changes,
  });
  globalThis.sample = (changes = {}) => {
    front.askSample();
    const seen = { lo: [0.5, -1], hi: [1.5, 1], samples: 9, seconds: 1 };
    tell("sample", { say: "sample", ...seen, ...changes });
  };
}
"""


def serve(route):
    """Serve the files of the front end without a server."""
    name = route.request.url.rsplit("/", 1)[1]
    if name:
        file = STATIC / name
        route.fulfill(content_type=TYPES[file.suffix], body=file.read_text(encoding="utf-8"))
        return
    html = (STATIC / "index.html").read_text(encoding="utf-8")
    html = html.replace('<script type="module" src="static/page.js"></script>', "")
    route.fulfill(content_type="text/html", body=html)


@pytest.fixture
def front(engine):
    page, faults = engine.new_page(), []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.route("**/*", serve)
    page.goto("http://explorer.test/")
    page.evaluate(START)
    yield page
    page.close()
    assert not faults


def text(page, selector):
    return page.locator(selector).inner_text()


@pytest.mark.parametrize(
    ("ranges", "sample", "said"),
    [
        ("{}", "{}", "50.0 % of the range of p, and at least as much of the others."),
        ("{}", "{ lo: [0, -1], hi: [2, 1] }", "all of every range, except at most 0.01 %."),
        ("{}", "{ lo: [0, null], hi: [1.5, 0] }", "75.0 % of the range of p."),
        ("{ lo: [null, null], hi: [2, 1], exact: false, closed_lo: [false, false] }", "{}",
         "unknown: no range is closed."),
        ("{ exact: false, closed_hi: [false, true] }", "{}", "all of the closed range, except"),
        ("{ exact: false, closed_hi: [true, false] }", "{}", "50.0 % of the closed range of p."),
        ("{ stage: 'search' }", "{}", "known once these are closed."),
        ("{ lo: [1, 1], hi: [1, 1], seen_lo: [1, 1], seen_hi: [1, 1] }",
         "{ lo: [1, 1], hi: [1, 1] }", ""),
    ],
)  # fmt: skip
def test_sampling_is_measured_against_what_is_known_alone(front, ranges, sample, said):
    front.evaluate(f"range({ranges}); sample({sample})")
    share = text(front, ".or-sampling").split("random ones.")[1].strip()
    assert share.endswith(said) or said in share
    assert bool(share) == bool(said)
    assert "∞" not in text(front, ".or-sampling")


def test_an_end_that_is_not_bounded_is_no_zero(front):
    front.evaluate(
        "range({ lo: [5, null], hi: [6, null], seen_lo: [5, null], seen_hi: [6, null],"
        " exact: false, closed_lo: [true, false], closed_hi: [true, false] })"
    )
    ticks = [float(tick) for tick in front.locator(".or-scale span").all_inner_texts()]
    assert 4.9 < ticks[0] < 5 and 6 < ticks[1] < 6.1
    assert front.locator(".or-end").all_inner_texts() == ["5", "6", "−∞", "∞"]
    front.evaluate("sample({ lo: [5, null], hi: [6, null] })")
    assert front.locator(".or-sample:not([hidden])").count() == 1
    assert "sampling" not in front.locator(".or-bar").nth(1).get_attribute("aria-label")


def test_what_is_said_of_an_earlier_input_set_is_dropped(front):
    front.evaluate("range(); sample()")
    assert front.locator(".or-sample:not([hidden])").count() == 2
    front.evaluate(
        """() => {
          front.askSample();
          front.property.text = "y[0] <= 1";
          front.property.ask(true);
          front.inputs.set(0, 0, 0.5);   // the answers come when another set is shown
          tell("sample", { say: "sample", lo: [0, 0], hi: [9, 9], samples: 1, seconds: 1 });
          tell("verify", { say: "verdict", status: "HOLDS", claim: "y[0] <= 1",
                           sentence: "It holds.", x: null, y: null, reproduced: null, boxes: 1 });
        }"""
    )
    assert front.evaluate("front.outputs.sample.hi") == [1.5, 1]
    assert front.get_by_text("Holds", exact=True).count() == 0


def test_a_contradicted_range_is_failed_and_no_proof(front):
    front.evaluate("range(); sample()")
    assert text(front, ".or-status").startswith("Exact")
    front.evaluate(
        "tell('range', { say: 'error', ask: 'range', cause: 'failure', text: 'It was wrong.' })"
    )
    assert text(front, ".or-status") == "Failed It was wrong."
    assert front.locator(".or-claim:not([hidden]), .or-seen:not([hidden])").count() == 0
    assert set(front.locator(".or-end").all_inner_texts()) == {"–"}
    assert front.locator(".or-end:disabled").count() == 4
    assert text(front, ".or-inputs [role=alert]") == ""
    front.evaluate("front.inputs.set(0, 0, 0.5); range()")
    assert text(front, ".or-status").startswith("Exact")
    assert front.locator(".or-end:disabled").count() == 0


@pytest.mark.parametrize(
    ("cause", "word"), [("input", "Invalid"), ("failure", "Failed"), ("memory", "Failed")]
)
def test_only_a_wrong_property_is_not_read(front, cause, word):
    front.evaluate(
        """(cause) => {
          range();
          front.property.text = "y[0] <= 1";
          front.property.ask(true);
          tell("verify", { say: "error", ask: "verify", cause, text: "It is `y[0]`." });
        }""",
        cause,
    )
    assert text(front, ".or-verdict") == f"{word} It is y[0]."
    assert front.locator(".or-verdict code").inner_text() == "y[0]"
    invalid = front.get_by_label("Property that must always hold").get_attribute("aria-invalid")
    assert (invalid == "true") == (cause == "input")


def test_a_point_outside_the_set_is_marked(front):
    front.evaluate(
        """() => {
          range();
          front.setPoint([0.75, 0.5], "Counterexample");
          tell("point", { say: "point", x: [0.75, 0.5], y: [1, 2], model: [1, 2], rounded: false });
        }"""
    )
    bar = front.locator(".or-pointbar")
    assert bar.inner_text().startswith("Counterexample.")
    assert "float32" not in bar.inner_text()
    assert front.locator(".or-point.or-outside").count() == 0
    front.evaluate("front.inputs.set(0, 0, 0.5)")
    assert "outside the input set (a)" in bar.inner_text()
    assert bar.inner_text().startswith("From an earlier input set.")
    assert front.locator(".or-point.or-outside").count() == 1
    assert front.get_by_text("outside", exact=True).is_visible()


def test_an_end_is_said_to_be_attained_only_where_it_is_closed(front):
    for closed, said in (
        ("true", "Attains the smallest q."),
        ("false", "The smallest q seen so far."),
    ):
        front.evaluate(
            f"range({{ exact: {closed}, closed_lo: [true, {closed}] }}); front.askEnd(1, 'lo');"
            "tell('end', { say: 'point', x: [0.1, 0.5], y: [1, 2],"
            " model: [1, 2], rounded: true, range: last('range').id })"
        )
        bar = text(front, ".or-pointbar")
        assert bar.startswith(said)
        assert "rounded to float32" in bar


def test_examples_fit_the_model_and_fill_the_field(front):
    front.evaluate("range(); front.rested(front.flight)")
    field = front.get_by_label("Property that must always hold")
    front.get_by_role("button", name=re.compile(r"^y\[0\] <= 2$")).click()
    assert field.input_value() == "y[0] <= 2"
