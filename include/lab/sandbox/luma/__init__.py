"""Luma's public API: events, their guests, and who was let in; current and older routes."""
