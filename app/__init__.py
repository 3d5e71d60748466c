"""imgfn: upload a picture, GET any transformation of it by URL."""
