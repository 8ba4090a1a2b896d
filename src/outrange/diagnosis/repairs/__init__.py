"""The fixes of findings, parsed into changes, applied to a copy, and tried."""
