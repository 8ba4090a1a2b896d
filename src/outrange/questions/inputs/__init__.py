"""Input sets such as boxes, balls and polytopes, and the forms in which a user writes them."""
