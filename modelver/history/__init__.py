"""What happened, pure: events, commits, and the state that replaying them gives."""
