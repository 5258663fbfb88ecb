"""A project's working tree beside the version that it claims to be."""
