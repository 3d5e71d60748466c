"""What imgfn does, free of HTTP: locate, produce, upload, save, delete."""
