"""Stripe: how it is called."""
