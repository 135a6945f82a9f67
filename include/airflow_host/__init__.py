"""Airflow's processes on one host: one parent that has imported what all need, and the warm executor."""
