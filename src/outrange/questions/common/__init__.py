"""Arguments, names and targets: what all questions check and look up."""
