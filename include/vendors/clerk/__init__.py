"""Clerk: how it is called."""
