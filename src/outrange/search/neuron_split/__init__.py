"""Branch and bound over activation phases: alpha-beta-CROWN bounds, BaBSR-like scores."""
