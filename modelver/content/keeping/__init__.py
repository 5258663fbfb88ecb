"""The user's cache kept within bounds: what is in it, what is in use, and what goes first."""
