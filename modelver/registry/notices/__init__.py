"""Telling people of what happened: whom, what, and when."""
