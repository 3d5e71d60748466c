"""Objects in any S3."""
