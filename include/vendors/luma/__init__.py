"""Luma: how it is called."""
