"""Files to blobs and back, with their maps."""
