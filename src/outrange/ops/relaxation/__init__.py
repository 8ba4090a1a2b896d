"""Sound lines above and below any curve, derived from the properties in its `Curve` record."""
