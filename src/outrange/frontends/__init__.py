"""What does a model compute? One file per framework; each yields a `Network`."""
