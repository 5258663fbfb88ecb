"""A release in one step: what it would do, what is in the way, what it did."""
