"""Rendering of plain tables, intervals and spans as text, HTML, JSON, SARIF and figures."""
