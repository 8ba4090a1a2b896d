"""Parser for properties written as text; it runs no code."""
