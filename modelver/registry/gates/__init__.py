"""What the gates say before a commit, and the evidence that they ask for."""
