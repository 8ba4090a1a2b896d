"""Draw the summary of a report page: `python docs/tools/report_picture.py docs/report.png`.

A price model is trained briefly on a table with one-hot columns. Needs `chromium` on the path.
"""

import subprocess
import sys
import tempfile
from pathlib import Path


SIZE = (1000, 865)
COLORS = 256
"""Number of colors of the image: the page is flat, so the file stays small."""


def write_report(path: str) -> None:
    """Train a model of house prices and write a report about it."""
    import keras
    import numpy as np
    import pandas as pd

    import outrange

    keras.utils.set_random_seed(3)
    rng = np.random.default_rng(3)
    city = pd.Series(rng.choice(["Bern", "Lyon", "Turin"], 400))
    table = pd.DataFrame({"area": rng.uniform(30, 200, 400), "rooms": rng.integers(1, 8, 400)})
    table = pd.concat([table, pd.get_dummies(city, prefix="city", dtype=int)], axis=1)
    price = table.area * city.map({"Bern": 4.8, "Lyon": 3.6, "Turin": 2.7}) + 12 * table.rooms
    scale = keras.layers.Normalization()
    scale.adapt(table.to_numpy(np.float32))
    hidden = keras.layers.Dense(16, "relu", name="hidden")
    model = keras.Sequential(
        [keras.Input((5,)), scale, hidden, keras.layers.Dense(1, name="price")], name="prices"
    )
    model.compile(keras.optimizers.Adam(0.02), "mse")
    model.fit(table.to_numpy(np.float32), price.to_numpy(np.float32), epochs=60, verbose=0)
    page = outrange.report(
        model, outrange.data_box(table, whole=True), properties=["y[0] >= 0", "y[0] <= 1000"],
        units={"price": "kEUR", "area": "m²"}, output_names=["price"], title="House prices",
        time_limit=30,
    )  # fmt: skip
    page.html(path)


def main(target: str) -> None:
    """Write a report and draw its summary."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        page, drawn = Path(folder, "report.html"), Path(folder, "report.png")
        write_report(str(page))
        size = ",".join(map(str, SIZE))
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += [f"--window-size={size}", f"--screenshot={drawn}", page.as_uri()]
        subprocess.run(command, check=True, capture_output=True)
        with Image.open(drawn) as image:
            flat = image.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
            flat.save(target, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
