"""Slack's Web API and incoming webhooks."""
