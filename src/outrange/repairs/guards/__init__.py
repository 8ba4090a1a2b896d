"""Guard mode of a repair: additional last layers that correct the outputs."""
