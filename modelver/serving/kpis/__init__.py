"""Where figures of production are kept: readers of them for a guard."""
