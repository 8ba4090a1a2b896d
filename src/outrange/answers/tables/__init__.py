"""Common parts of the tables of answers with one entry per output."""
