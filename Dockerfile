# The one image of production: Airflow's processes, the relay and the sandbox run from it.
#
# The slim official image, because the full one has providers (google, snowflake …) whose own limits contradict
# the versions that our tests ran with. `deploy/requirements.lock` brings the executor for several machines and
# pins everything else at the versions of `requirements.lock`; see docs/decisions/0020.
FROM apache/airflow:slim-3.3.2-python3.12

COPY --chown=airflow:0 deploy/requirements.lock /tmp/requirements.lock
# Bytecode is written now: a container that may not write it later compiles the same files in every task.
RUN uv pip install --no-cache --compile-bytecode --require-hashes --requirement /tmp/requirements.lock \
    && uv pip check \
    && rm /tmp/requirements.lock

COPY --chown=airflow:0 plugins/ /opt/airflow/plugins/
COPY --chown=airflow:0 include/ /opt/airflow/include/
COPY --chown=airflow:0 dags/ /opt/airflow/dags/
RUN python -m compileall -q /opt/airflow/plugins /opt/airflow/include /opt/airflow/dags

ENV PYTHONPATH=/opt/airflow
