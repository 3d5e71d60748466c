"""Settings: their declaration, the environment variables they are read from, and their tables for people."""
