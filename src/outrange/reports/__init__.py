"""Reports: many answers about one model on one page, for readers without Python."""
