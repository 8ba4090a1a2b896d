"""Shared infrastructure of all searches: incumbents, results, boxes, clause groups, threads."""
