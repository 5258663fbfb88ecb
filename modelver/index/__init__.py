"""The local search index: what the logs and manifests say, as rows of SQLite that expressions are asked of."""
