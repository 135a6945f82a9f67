# The one image of production: Airflow's processes, the relay, `ops` and the sandbox run from it.
#
# The slim official image, because the full one has providers (google, snowflake …) whose own limits contradict
# the versions that our tests ran with. `deploy/requirements.lock` brings the executor for several hosts and
# pins everything else at the versions of `requirements.lock`; see docs/decisions/0020.
FROM apache/airflow:slim-3.3.2-python3.12

COPY --chown=airflow:0 deploy/requirements.lock /tmp/requirements.lock
# The official image comes without bytecode. What a container may not write later, every task would compile again.
RUN pip install --no-cache-dir --require-hashes --requirement /tmp/requirements.lock \
    && pip check \
    && python -m compileall -q "$VIRTUAL_ENV/lib" \
    && rm /tmp/requirements.lock

COPY --chown=airflow:0 --chmod=0755 deploy/ops /home/airflow/.local/bin/ops
COPY --chown=airflow:0 include/ /opt/airflow/include/
COPY --chown=airflow:0 dags/ /opt/airflow/dags/
COPY --chown=airflow:0 plugins/ /opt/airflow/plugins/
RUN python -m compileall -q /opt/airflow/include /opt/airflow/dags

ENV PYTHONPATH=/opt/airflow
# `pip check` compares what packages say about each other, which may be wrong: the build ends here if what is started cannot
# be imported.
RUN AIRFLOW_HOME=/tmp/import python -c "import \
    airflow.providers.celery.executors.celery_executor, \
    airflow.providers.celery.cli.celery_command, \
    celery.backends.database, \
    include.airflow_host.__main__, \
    include.airflow_host.executor, \
    include.airflow_host.fork_server, \
    include.lab.sandbox.server, \
    include.operate.__main__, \
    include.operate.prepare, \
    include.relay.__main__, \
    redis, \
    supervisor.supervisord" \
    && rm -r /tmp/import
