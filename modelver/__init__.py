"""A model registry without a server."""
