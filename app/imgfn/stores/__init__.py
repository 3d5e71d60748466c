"""The stores: one module for each kind."""
