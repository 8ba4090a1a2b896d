"""What the tables of answers with one entry an output have in common."""
