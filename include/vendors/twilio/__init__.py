"""Twilio: how it is called."""
