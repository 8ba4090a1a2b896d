"""The rules, one file each; a file enters its rule in the table when it is imported."""
