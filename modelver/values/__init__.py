"""Nouns: frozen values without I/O. Strings are parsed here, once, at the edge."""
