"""What is trained in a model's place: values under JAX, elsewhere a clone or, lent, itself."""
