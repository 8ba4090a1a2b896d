"""Former spellings of options, for the messages that name the current ones; kept until 0.2."""

FORMER_OPTIONS = {
    "--no-check": "Certificates are always checked before they are written: leave out --no-check.",
}
"""Dict from former option to the sentence that states what replaces it."""
