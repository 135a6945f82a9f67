"""The laptop's side: local stack, sandbox, demo, bench, checks; of it only the sandbox is in the image."""
