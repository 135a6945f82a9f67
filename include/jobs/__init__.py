"""What the DAGs do: one package per job, named like its DAG.

`steps` has a function per task, `decide` what is decided without a call, `report` what is counted and said.
"""
