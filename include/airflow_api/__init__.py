"""Airflow as others see it: its REST API's sessions, its roles and users, the reference of its deadlines."""
