"""Finding versions, by an index that follows the logs."""
