"""`./ops doctor`: can every configured vendor, connection and permission be used, without changing anything.

It looks from a process with the environment of a worker and of a relay together, through the same clients and
connections as theirs: what it finds is what they would find.
"""
