"""Batch runs: the public function `verify_all`, its instances, worker processes and results."""
