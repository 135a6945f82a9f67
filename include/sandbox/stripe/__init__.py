"""Stripe: customers, price list, subscriptions, invoices, checkout sessions and the events about them."""
