"""Reports: many answers about one model on one page, for whoever was not there."""
