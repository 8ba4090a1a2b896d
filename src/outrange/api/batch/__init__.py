"""Batch runs: the public question `verify_all`, its instances, worker processes and results."""
