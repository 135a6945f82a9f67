"""The product: jobs, clients, store, relay, console and sandbox; `docs/architecture.md` has the picture."""
