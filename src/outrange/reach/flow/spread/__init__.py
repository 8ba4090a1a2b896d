"""Distribution of the pipes of a flow over workers or threads."""
