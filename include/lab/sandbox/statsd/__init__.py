"""A StatsD server and Datadog agent that keeps what it is sent, on a UDP port of its own."""
