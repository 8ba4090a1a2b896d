"""Special-purpose methods, one folder each; `table.METHODS` lists them, and any can be left out."""
