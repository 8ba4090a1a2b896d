"""Distribution of the pieces of an initial set over workers or threads."""
