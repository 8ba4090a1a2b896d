"""Arguments, names and targets that all questions share."""
