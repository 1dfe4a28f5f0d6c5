"""How do bytes become requests and answers? Parsing alone: no socket is known here."""
