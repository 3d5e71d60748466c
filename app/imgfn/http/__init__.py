"""WSGI requests and responses around the service."""
