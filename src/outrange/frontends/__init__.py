"""Front-ends: readers of models, one per framework; each yields a `Network`."""
