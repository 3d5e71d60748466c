"""The entry points: one WSGI handler each."""
