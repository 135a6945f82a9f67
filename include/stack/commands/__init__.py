"""One module per command. Its `command` function is the command; the first line of its docstring is the help."""
