"""Functions that answer questions about networks, and the parsing of input sets and properties."""
