"""The Flask shell around the functions."""
