"""Declarations of command-line options, and parsing of their values."""
