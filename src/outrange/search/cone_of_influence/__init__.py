"""Objectives that each depend on only a part of the network, and are searched in that part."""
