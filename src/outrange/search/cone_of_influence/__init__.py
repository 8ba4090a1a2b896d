"""Objectives that depend on a part of the network alone, each searched in that part."""
