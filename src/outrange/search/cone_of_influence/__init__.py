"""Objectives that depend on only a part of the network, each searched in that part."""
