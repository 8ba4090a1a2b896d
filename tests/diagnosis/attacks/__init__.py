"""Random programs, and attempts to break what a diagnosis calls PROVED of them."""
