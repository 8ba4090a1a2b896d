"""The least value of an expression over an input set, under conditions."""
