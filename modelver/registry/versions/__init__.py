"""How a version comes to be, from what callers state to one commit, and what is added to it later."""
