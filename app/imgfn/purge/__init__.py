"""Caches in front hear of pictures that have changed: nginx, Varnish, CDNs, webhooks."""
