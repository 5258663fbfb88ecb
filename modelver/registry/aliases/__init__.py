"""What an alias names: moved, rolled back, pinned; and what it served when."""
