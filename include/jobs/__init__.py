"""What we do: one module per job, named like its DAG."""
