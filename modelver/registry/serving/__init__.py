"""A version's files for whoever serves it, and what followers and guards see of an alias."""
