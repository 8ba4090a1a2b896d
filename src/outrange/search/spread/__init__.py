"""One tree over workers: tasks search sub-trees, and report the boxes that stay open."""
