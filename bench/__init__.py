"""The benchmark: our renders and our server against libvips, Pillow and the peers, in one run and in turn."""
