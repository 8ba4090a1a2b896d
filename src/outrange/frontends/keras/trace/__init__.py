"""Recording of a Keras model's operations in one symbolic run."""
