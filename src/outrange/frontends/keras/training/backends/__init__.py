"""Training steps, implemented separately for each Keras backend."""
