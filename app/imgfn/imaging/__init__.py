"""Bytes to pixels to bytes: the only room that decodes, resamples and encodes."""
