"""Where bytes live: the only room that imports fsspec."""
