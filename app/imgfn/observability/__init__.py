"""What is said of requests: the log, events, and Prometheus metrics."""
