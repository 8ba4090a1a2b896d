"""From plain tables, intervals and spans to text, HTML, JSON, SARIF and plots."""
