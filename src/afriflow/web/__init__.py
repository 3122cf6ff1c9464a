"""HTTP: parse, call, render; no rule and no SQL lives here."""
