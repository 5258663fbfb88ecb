"""A working tree that says what it is: ``modelver.toml``, and the files of the components it names."""
