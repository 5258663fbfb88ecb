"""One module for each verb; `modelver.cli.main` imports it when the verb is used."""
