"""Draw the page of the explorer: `python docs/tools/explorer_picture.py docs/explorer.png`.

A network of named inputs and outputs is trained briefly; the page shows a part of its inputs and a
violated property. Needs `chromium` on the path, and Playwright.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

import numpy as np


INPUTS = ("speed", "slope", "load", "wind", "battery")
OUTPUTS = ("power", "heat", "brake")
SIZE = {"width": 1180, "height": 1170}
SETTLED = """() => {
  const { asked, shown, stage } = document.querySelector(".outrange-explorer").dataset;
  const sampled = document.querySelector(".or-sample:not([hidden])");
  return Number(asked) > 0 && asked === shown && stage === "done" && sampled;
}"""
COLORS = 256
"""Number of colors of the image: the page is flat, so the file stays small."""


def model(path: str) -> None:
    """Train a network 5-64-64 with three outputs on synthetic data of a vehicle."""
    import keras

    keras.utils.set_random_seed(3)
    rng = np.random.default_rng(0)
    rows = rng.uniform(size=(4096, len(INPUTS))).astype("float32")
    speed, slope, load, wind, battery = rows.T
    drive = speed * (0.3 + slope + 0.5 * wind) * (0.5 + load)
    aims = {
        "power": drive, "heat": drive**2 + 0.2 * (1 - battery),
        "brake": np.maximum(speed * load - slope, 0),
    }  # fmt: skip
    inputs = {name: keras.Input((1,), name=name) for name in INPUTS}
    hidden = keras.layers.Concatenate()(list(inputs.values()))
    for k in (1, 2):
        hidden = keras.layers.Dense(64, activation="relu", name=f"hidden_{k}")(hidden)
    outputs = {name: keras.layers.Dense(1, name=name)(hidden) for name in OUTPUTS}
    trained = keras.Model(inputs, outputs, name="vehicle")
    trained.compile("adam", "mse")
    columns = dict(zip(INPUTS, rows[:, :, None].transpose(1, 0, 2), strict=True))
    trained.fit(columns, {n: v[:, None] for n, v in aims.items()}, epochs=8, verbose=0)
    trained.save(path)


def screenshot(url: str) -> bytes:
    """Return the page after a few clicks as PNG."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        engine = play.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = engine.new_page(viewport=SIZE)
        page.goto(url)
        page.wait_for_selector("[data-stage=done]")
        page.get_by_label("Width of all").fill("450")
        page.wait_for_function(SETTLED)
        page.get_by_text("Fit scale").click()
        field = page.get_by_label("Property that must always hold")
        field.fill('y["heat"] <= y["power"] + 0.1')
        field.press("Enter")
        page.get_by_text("Violated").wait_for()
        page.wait_for_selector(".or-pointbar:not([hidden])")
        page.mouse.click(5, 5)
        picture = page.screenshot()
        engine.close()
    return picture


def main(target: str) -> None:
    """Start the command and draw its page."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "vehicle.keras")
        model(path)
        command = [sys.executable, "-m", "outrange", "explore", path, "--box", "0", "1"]
        server = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=dict(os.environ, PYTHONUNBUFFERED="1")
        )
        try:
            assert server.stdout is not None
            words = (word for line in server.stdout for word in line.split())
            picture = screenshot(next(word for word in words if word.startswith("http")))
        finally:
            server.terminate()
    with Image.open(BytesIO(picture)) as image:
        flat = image.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
        flat.save(target, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
