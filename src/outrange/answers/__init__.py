"""Answers: frozen records, each with a warrant that states its evidence."""
