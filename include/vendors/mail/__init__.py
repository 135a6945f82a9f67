"""Mail: how it is called."""
