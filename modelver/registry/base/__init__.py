"""What all work on a registry stands on: the session, references, what is known of a version."""
