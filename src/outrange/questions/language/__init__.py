"""Parser for properties written as text; the text is never run as code."""
