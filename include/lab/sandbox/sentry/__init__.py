"""Sentry's intake: takes envelopes and keeps their events."""
