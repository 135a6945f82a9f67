"""The commands of `./ops` that need a checkout, a module each."""
