"""Exclusion of worker scripts from collection, which would load every backend."""

collect_ignore = [
    "native_worker.py",
    "jax_code.py",
    "tensorflow_code.py",
    "torch_code.py",
    "torch_worker.py",
    "torch_rows.py",
    "torch_odd.py",
    "torch_functions.py",
]
