"""`./ops bench`: how fast and how heavy the local stack is, measured beside plain Airflow.

One module per figure (`latency`, `burst`, `ingest`, `footprint`, `sleepers`); what is measured is a `Contender`:
the product, or the same job on an Airflow with all its defaults. Loopback only, bounded in count and
time.
"""
