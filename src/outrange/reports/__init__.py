"""Reports: many answers about one model on one page, for readers who do not use Python."""
