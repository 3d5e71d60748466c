"""Gunicorn: its configuration and its worker."""
