"""Input sets: boxes, norm balls, polytopes, and how a user writes them."""
