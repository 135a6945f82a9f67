"""A mail server that keeps what it is given, on a port of its own."""
