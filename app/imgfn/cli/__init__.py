"""The command imgfn."""
