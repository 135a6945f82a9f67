"""The pages on which people see and decide, inside Airflow's UI: they call `operate` and nothing else."""
