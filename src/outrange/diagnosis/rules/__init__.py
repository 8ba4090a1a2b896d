"""The rules of the diagnosis, one file each. Importing a file registers its rule."""
