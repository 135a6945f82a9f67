"""Mailchimp Marketing API 3.0: one audience with its members, tags, journeys and automations."""
