"""Mixed-integer encodings, solved by HiGHS, which alternates with the box search."""
