"""The inputs that violate a property: boxes of them, and distinct counterexamples."""
