"""Implementation of `outrange verify-all`: instances, worker processes, results."""
