"""Work for others: any `concurrent.futures.Executor`, or a client of Dask, behind one seam."""
