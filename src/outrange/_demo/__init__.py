"""A small controller to look at: what `outrange demo` trains."""
