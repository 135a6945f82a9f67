"""Twilio's text messages, as far as they are used."""
