"""Slack: how it is called."""
