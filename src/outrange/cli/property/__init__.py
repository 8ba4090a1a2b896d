"""Properties as text: a parser that runs no code."""
