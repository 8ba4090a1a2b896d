"""What every search shares: incumbents, results, root boxes, clause groups, threads."""
