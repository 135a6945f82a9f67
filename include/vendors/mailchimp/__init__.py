"""Mailchimp: how it is called."""
