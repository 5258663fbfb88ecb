"""Versions that stand where a server reads them: whole before they are named, and never half removed."""
