"""Stripe: customers, prices, subscriptions, invoices, checkout sessions, and their events."""
