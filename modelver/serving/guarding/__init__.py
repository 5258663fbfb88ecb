"""A guard: it reads a version's figures in production, judges them by rules, and rolls back on a breach."""
