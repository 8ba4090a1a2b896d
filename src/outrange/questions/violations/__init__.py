"""Questions about the inputs that violate a property: all of them, or several counterexamples."""
