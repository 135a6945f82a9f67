"""A small Airflow on the wire: the run API as 3.3.2 answers it, with faults that can be ordered.

It keeps its runs, so what the relay started is asked of it. The real Airflow is used in `tests/e2e`.
"""

import json
import re
import threading
import time
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

RUN_ID = re.compile(r"(?!.*\.\.)[A-Za-z0-9_.~:+-]{1,250}")
RUN_KEYS = {"dag_run_id", "logical_date", "conf", "run_after", "note"}
HEALTH = "/api/v2/monitor/health"  # always 200
BESIDE = {
    "/execution/health": {"status": "healthy"},
    "/readyz": {"ready": True},
    "/_sandbox/healthz": {},
}
"""What the tasks' API says, and the parts of a local stack that are well."""
OPEN = (HEALTH, "/auth/token", *BESIDE)  # for whoever has no token


class AirflowStandIn:
    """Its state, for tests to look at and to change; `fail(…)` orders faults for the next calls."""

    def __init__(self):
        """Have two DAGs, one user, and no runs."""
        self.dags = {
            dag_id: {"is_paused": False, "has_import_errors": False}
            for dag_id in ("mailchimp_sync", "member_deactivation", "webhook_retry")
        }
        self.password = "secret"
        self.tokens, self.expired = set(), set()
        self.runs = {}
        self.posts = []  # the run ids that were asked for, however it ended
        self.deletes, self.gets = [], []  # the same of deletions, and of questions about runs
        self.logins = 0
        self.calls = []  # all of them: method and path
        self.import_errors = []  # filename and stack_trace of each
        self.parts = dict.fromkeys(
            ("metadatabase", "scheduler", "triggerer", "dag_processor"), "healthy"
        )
        self.url = ""
        self.when_taken = None  # called between the effect of a "taken" call and its answer
        self.on_post = None  # called with the effect of each POST of a run, before its answer
        self._faults = []
        self._lock = threading.Lock()

    def fail(self, *faults):
        """Let the next calls end so: a status, "lost", "taken", "reset", or seconds of silence."""
        self._faults += faults

    @property
    def faults_left(self):
        """Return the faults that have not happened: a test proves that there are none."""
        return list(self._faults)

    def revoke_tokens(self):
        """Let every token expire."""
        self.expired |= self.tokens
        self.tokens.clear()

    def change_jwt_secret(self):
        """Know no token that was signed before."""
        self.tokens.clear()

    def answer(self, method, path, headers, body):
        """Return (status, document) for one request; status 0 resets the connection."""
        with self._lock:
            self.calls.append((method, urlsplit(path).path))
            if path in OPEN:
                return self._open(path, body)
            token = headers.get("Authorization", "").removeprefix("Bearer ")
            if token not in self.tokens:
                is_late = token in self.expired
                return 401 if is_late else 403, {"detail": "this token is not taken"}
            if method == "POST":
                self.posts.append(body.get("dag_run_id"))
            fault = self._faults.pop(0) if self._faults else None
        if isinstance(fault, float):
            time.sleep(fault)
        elif fault == "reset":
            return 0, {}
        elif fault in ("lost", "taken"):
            with self._lock:
                self._route(method, path, body)
            if fault == "taken":
                self.when_taken()
            return 0, {}
        elif fault is not None:
            return fault, {"detail": "ordered"}
        with self._lock:
            return self._route(method, path, body)

    def _open(self, path, body):
        if path in BESIDE:
            return 200, BESIDE[path]
        return self._health() if path == HEALTH else self._log_in(body)

    def _health(self):
        return 200, {part: {"status": status} for part, status in self.parts.items()}

    def _log_in(self, body):
        self.logins += 1
        if body.get("password") != self.password:
            return 401, {"detail": "Invalid credentials"}
        token = f"token {self.logins}"
        self.tokens.add(token)
        return 201, {"access_token": token}

    def end(self, dag_id, run_id, state, at, *, failed_task=None):
        """Let a run have ended so, by a task that failed or without one."""
        run = {"dag_run_id": run_id, "dag_id": dag_id, "state": state, "end_date": at.isoformat()}
        self.runs[dag_id, run_id] = {**run, "failed_task": failed_task}

    def _route(self, method, path, body):
        url = urlsplit(path)
        if method == "GET" and url.query:
            return self._list(url.path, parse_qs(url.query))
        match = re.fullmatch(r"/api/v2/dags/([^/]+)(/dagRuns)?(?:/([^/]+))?", unquote(path))
        dag_id, runs, run_id = match.groups()
        if method == "POST":
            started = self._start(dag_id, body)
            if self.on_post is not None:
                self.on_post()
            return started
        if not runs:
            return self._dag(dag_id)
        run = self.runs.get((dag_id, run_id))
        if method == "DELETE":
            self.deletes.append(run_id)
        if method == "GET":
            self.gets.append(run_id)
        if run is None:
            return 404, {
                "detail": f"The DagRun with dag_id: `{dag_id}` and run_id: `{run_id}` was not found"
            }
        if method == "DELETE":
            return self._delete(dag_id, run_id, run)
        if method == "PATCH":
            run["state"] = body["state"]
        return 200, run

    def _delete(self, dag_id, run_id, run):
        if run["state"] == "running":
            return 409, {
                "detail": f"The DagRun with dag_id: `{dag_id}` and run_id: `{run_id}` "
                "cannot be deleted in running state"
            }
        del self.runs[dag_id, run_id]
        return 204, {}

    def _list(self, path, query):
        """Return a page of runs, the failed tasks of one, all DAGs or import errors: as far as anybody asks."""
        if path == "/api/v2/importErrors":
            found = self.import_errors
            return 200, {"import_errors": found, "total_entries": len(found)}
        if path == "/api/v2/dags":
            dags = [
                {"dag_id": dag_id, "timetable_summary": None, **dag}
                for dag_id, dag in self.dags.items()
            ]
            return 200, {"dags": dags, "total_entries": len(dags)}
        dag_id, run_id = re.fullmatch(
            r"/api/v2/dags/([^/]+)/dagRuns(?:/([^/]+)/taskInstances)?", path
        ).groups()
        if run_id:
            task = self.runs.get((dag_id, run_id), {}).get("failed_task")
            return 200, {"task_instances": [{"task_id": task, "try_number": 4}] if task else []}
        since = query.get("end_date_gte", [""])[0]
        found = [
            run
            for (owner, _), run in self.runs.items()
            if dag_id in ("~", owner)
            and run["state"] in query.get("state", [run["state"]])
            and run.get("run_type", "manual") == query.get("run_type", ["manual"])[0]
            and run.get("end_date", "") >= since
        ]
        order = query.get("order_by", ["id"])[0]
        if order.endswith("end_date"):
            found.sort(key=lambda run: run["end_date"], reverse=order.startswith("-"))
        start, limit = int(query.get("offset", [0])[0]), int(query["limit"][0])
        return 200, {"dag_runs": found[start : start + limit], "total_entries": len(found)}

    def _dag(self, dag_id):
        if dag_id not in self.dags:
            return 404, {"detail": f"The Dag with ID: `{dag_id}` was not found"}
        return 200, {"dag_id": dag_id, **self.dags[dag_id]}

    def _start(self, dag_id, body):
        if set(body) - RUN_KEYS or "logical_date" not in body:
            return 422, {"detail": [{"type": "extra_forbidden"}]}
        if dag_id not in self.dags:
            return 404, {"detail": f"Dag with dag_id: '{dag_id}' not found"}
        if self.dags[dag_id]["has_import_errors"]:
            return 400, {
                "detail": f"Dag with dag_id: '{dag_id}' has import errors and cannot be triggered"
            }
        run_id = body["dag_run_id"]
        if not RUN_ID.fullmatch(run_id):
            return 400, {"detail": "The run_id provided is invalid"}
        if (dag_id, run_id) in self.runs:
            return 409, {"detail": {"reason": "Unique constraint violation"}}
        kept = {name: body[name] for name in ("conf", "run_after") if name in body}
        run = {"dag_run_id": run_id, "dag_id": dag_id, "state": "queued", **kept}
        self.runs[dag_id, run_id] = run
        return 200, run


@contextmanager
def running_airflow():
    """Serve a stand-in on a free port while the block runs."""
    airflow = AirflowStandIn()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self):
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length) or b"{}")
            status, document = airflow.answer(self.command, self.path, self.headers, body)
            if status == 0:
                self.close_connection = True
                return
            text = b"" if status == HTTPStatus.NO_CONTENT else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815 - the names of http.server

        def log_message(self, *_):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    airflow.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield airflow
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
