"""One tree over workers: sub-trees go out, open boxes come back."""
