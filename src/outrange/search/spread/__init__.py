"""Search of one tree by several workers: tasks search sub-trees, and report the boxes left open."""
