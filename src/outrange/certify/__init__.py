"""Certificates: proof trees for answers, which the independent `outrange-check` verifies."""
