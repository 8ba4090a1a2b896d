"""Functions that answer questions about a loaded network; each returns one frozen record."""
