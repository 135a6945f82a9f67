"""Stand-ins for the vendors on the wire: same paths, answers and errors; what is written is read.

Nothing in production imports this package, and it imports nothing of production: a mistake
that both sides shared would pass every test.
"""
