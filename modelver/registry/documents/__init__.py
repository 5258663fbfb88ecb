"""What audits, cards and notes say, gathered from logs and manifests."""
