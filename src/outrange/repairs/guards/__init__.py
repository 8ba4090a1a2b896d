"""Guard mode: last layers that correct the outputs."""
