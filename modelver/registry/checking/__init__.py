"""Whether what is stored is what it was, and whether a place is fit for it."""
