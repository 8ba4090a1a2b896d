"""Distributes tasks to workers through one interface to `concurrent.futures` and Dask."""
