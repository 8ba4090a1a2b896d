"""Sound lines above and below any curve, derived from its known properties."""
