"""The commands of `ops` that work on any deployment, a module each."""
