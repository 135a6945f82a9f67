"""The product: jobs, vendors, store, relay, console and sandbox; `docs/architecture.md` has the picture."""
