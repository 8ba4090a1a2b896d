"""Check certificates of outrange in exact arithmetic."""
