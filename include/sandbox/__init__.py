"""Stand-ins for the vendors, on the wire: same paths, same answers, same errors, and state that is read back.

Nothing in production imports this package, and it imports nothing of production: a mistake
that both sides shared would pass every test.
"""
