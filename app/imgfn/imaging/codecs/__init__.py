"""File formats: headers, decoders, encoders and metadata."""
