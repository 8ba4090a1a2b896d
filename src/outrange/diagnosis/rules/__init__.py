"""The rules, one file each; importing a file registers its rule."""
