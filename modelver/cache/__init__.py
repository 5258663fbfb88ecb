"""The user's own machine: stamps, seen heads, loaded versions."""
