"""From one registry to another: copies of logs, adopted versions, bundles."""
