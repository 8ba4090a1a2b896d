"""A parser for properties written as text, which never runs them as code."""
