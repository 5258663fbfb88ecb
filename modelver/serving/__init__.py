"""Serving: follow an alias, say which version answered, watch its figures, lay files out for servers.

What is needed of a registry is taken as a protocol, so that nothing here knows the registry's own classes.
"""
