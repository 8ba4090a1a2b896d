"""Mixed-integer encodings, solved by HiGHS in turns with the box search."""
