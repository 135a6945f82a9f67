"""Clerk Backend API: users, and the webhooks about them."""
