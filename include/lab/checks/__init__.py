"""Commands for those who change this repository, and for its deployment: `python -m include.lab.checks.NAME`."""
