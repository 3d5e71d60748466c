"""The operations; importing this package fills the registry."""
