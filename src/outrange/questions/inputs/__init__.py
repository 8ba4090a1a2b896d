"""Input sets: boxes, norm balls and polytopes, and the forms in which a user writes them."""
