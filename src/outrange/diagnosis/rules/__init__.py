"""The rules of the diagnosis, most in a file of their own. Importing a file registers its rules."""
