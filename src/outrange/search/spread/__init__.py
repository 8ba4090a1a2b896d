"""Search of one tree by several workers: tasks search sub-trees, and return the open boxes."""
