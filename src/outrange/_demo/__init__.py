"""The small example network that `outrange demo` trains."""
