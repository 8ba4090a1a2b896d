"""Questions of a report, with their data and their code."""
