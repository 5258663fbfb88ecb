"""Bytes to digests: the hot path."""
