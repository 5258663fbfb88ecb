"""Telling people: CloudEvents, signed as Standard Webhooks says, to addresses of the local configuration alone.

What there is to tell is read from the logs, and where each recipient stands is kept on the user's machine, so that a
commit waits for nobody and a crash loses nothing. `registry` brings the events and the release notes.
"""
