"""Distribution of tasks to workers: one interface over `concurrent.futures` executors and Dask."""
