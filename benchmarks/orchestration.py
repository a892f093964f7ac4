"""Schedules on a real server, end to end: ``python -m benchmarks.orchestration``.

PostgreSQL (``initdb`` and ``pg_ctl`` on the path or in ``/usr/lib/postgresql``), a Prefect server on it, a process
worker, all deployments of ``flows/deployments.py`` for a small stretch of the demo sea, the automations. The daily plan
is triggered by hand and by schedule, its artifacts are read back, its time stands beside ``oceanclean plan`` of that
day; then a run and its worker are killed (SIGKILL), and a dead man's switch waits for a plan that never comes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("cost", "plans", "faults")
#: Takes runs of the pool and starts each as a process.
WORKER = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "oceanclean-process"]


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait(what: str, done: Callable[[], object], seconds: float, step: float = 0.5) -> float:
    """Wait until something holds; the seconds it took."""
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        if done():
            return time.perf_counter() - start
        time.sleep(step)
    sys.exit(f"FAILED: {what}: not within {seconds:g} s")


def small_sea(folder: Path) -> Path:
    """A configuration with one region of 66 km × 55 km, one scene of 9 km, a short search and no printed papers."""
    config = folder / "config"
    shutil.copytree(ROOT / "config", config)
    for kind in ("regions", "fleets", "sources"):
        text = (config / kind / "demo.yaml").read_text().replace("twin/demo", "twin/cove")
        content = {**yaml.safe_load(text), "name": "cove"}
        if kind == "regions":
            content |= {"bbox": {"west": -87.5, "east": -86.9, "south": 15.8, "north": 16.3}, "fleet": "cove",
                        "sources": "cove", "horizon_h": 36, "minimum_horizon_h": 12, "exclusion_zones": []}  # fmt: skip
        for path in (config / kind).glob("*.yaml"):
            path.unlink()
        (config / kind / "cove.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    quick: dict[str, dict] = {
        "twin": {"scene": {"centres": [[-87.2, 16.05]], "size_px": 900, "strip_px": 900}},
        "drift": {"members": 8, "particles_per_member": 800, "tracks": {"members": 8, "particles": 400}},
        "allocation": {"search": {"iterations": 400, "bound_rounds": 0}},
        "planning": {"what_if_iterations": 0, "papers": False, "frame_step_h": 24},
    }  # fmt: skip
    for name, changes in quick.items():
        path = config / "models" / f"{name}.yaml"
        content = yaml.safe_load(path.read_text())
        for key, value in changes.items():
            content[key] = {**content[key], **value} if isinstance(value, dict) else value
        path.write_text(yaml.safe_dump(content, sort_keys=False))
    return config


def database_tools() -> tuple[str, str | None]:
    """The search path with PostgreSQL's programs, and ``pg_ctl`` on it (None where it is not installed)."""
    places = [str(p) for p in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    path = os.pathsep.join([*places, os.environ["PATH"]])
    return path, shutil.which("pg_ctl", path=path)


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A database server of its own, as user ``postgres`` where this one is root; yields the address for Prefect."""
    path, tool = database_tools()
    if tool is None:
        sys.exit("PostgreSQL is missing: install the package postgresql")
    data, port = folder / "pg", free_port()
    data.mkdir(parents=True)
    prefix = []
    if os.getuid() == 0:
        shutil.chown(data, "postgres")
        prefix = ["runuser", "-u", "postgres", "--"]
    run = [*prefix, "env", f"PATH={path}"]
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "cwd": "/tmp"}  # noqa: S108  (the user postgres may enter it)
    subprocess.run([*run, "initdb", "-D", str(data), "-U", "oceanclean", "-A", "trust"], **quiet)
    options = f"-p {port} -h 127.0.0.1 -k {data}"
    subprocess.run([*run, tool, "-D", str(data), "-o", options, "-l", str(data / "log"), "-w", "start"], **quiet)
    try:
        subprocess.run([*run, "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "oceanclean", "prefect"], **quiet)
        yield f"postgresql+asyncpg://oceanclean@127.0.0.1:{port}/prefect"
    finally:
        subprocess.run([*run, tool, "-D", str(data), "-m", "immediate", "stop"], **quiet)


@contextmanager
def running(command: list[str], env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own, stopped at the end."""
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=env, cwd=ROOT, stdout=file, stderr=file, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


class Api:
    """The few calls of Prefect's own HTTP interface that the check makes."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self, path: str, body: object | None = None, method: str | None = None) -> object:
        """The JSON that a path answers."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, {"Content-Type": "application/json"},  # noqa: S310
                                         method=method)  # fmt: skip
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            text = answer.read()
        return json.loads(text) if text else None

    def healthy(self) -> bool:
        """Whether the server answers."""
        try:
            return bool(self("/health"))
        except OSError:
            return False

    def state(self, run: str) -> str:
        """A flow run's state."""
        found = self(f"/flow_runs/{run}")
        return str(found["state"]["name"])  # type: ignore[index]

    def runs(self, deployment: str) -> list[dict]:
        """Flow runs of a deployment."""
        return self("/flow_runs/filter", {"deployments": {"id": {"any_": [deployment]}}})  # type: ignore[return-value]


def environment(folder: Path, config: Path, work: Path, url: str, database: str) -> dict[str, str]:
    """Variables of server, worker and flows: the project's own, the check's places, quicker heartbeats."""
    lines = (ROOT / "config" / "prefect-server.env").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {
        **os.environ, **{k: v.strip("'") for k, v in given.items()}, "PREFECT_API_URL": url,
        "PREFECT_API_DATABASE_CONNECTION_URL": database, "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30", "OCEANCLEAN_CONFIG": str(config), "OCEANCLEAN_WORK": str(work),
        "OCEANCLEAN_HOME": str(ROOT), "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "TF_CPP_MIN_LOG_LEVEL": "2",
    }  # fmt: skip


@contextmanager
def server(api: Api, env: dict[str, str], folder: Path, port: int) -> Iterator[None]:
    """A Prefect server; entered when it answers."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with running(command, env, folder / "server.log"):
        _wait("server", api.healthy, 180)
        _say("prefect server on an empty PostgreSQL: start to healthy", time.perf_counter() - start)
        yield


def _command(env: dict[str, str], *arguments: str) -> float:
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", *arguments], env=env, cwd=ROOT, capture_output=True, text=True,
                          check=False)  # fmt: skip
    if done.returncode:
        sys.exit(f"FAILED: {' '.join(arguments)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return time.perf_counter() - start


def _say(what: str, seconds: float | None = None, text: str = "") -> None:
    print(f"{what:62s} {'' if seconds is None else f'{seconds:7.1f} s'}  {text}", flush=True)


def deploy(env: dict[str, str], folder: Path, work: Path) -> None:
    """Work pool, every row of the table, automations."""
    _say(
        "work pool created", _command(env, "prefect", "work-pool", "create", "oceanclean-process", "--type", "process")
    )
    file = folder / "prefect.yaml"
    _command(env, "flows.deployments", "--out", str(file))
    content = yaml.safe_load(file.read_text())
    for deployment in content["deployments"]:
        deployment["parameters"] |= {"work": str(work)}
        for schedule in deployment["schedules"]:
            schedule["active"] = False  # the check fires what it wants to see
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    seconds = _command(env, "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file))
    _say(f"{len(content['deployments'])} deployments", seconds)
    _say("automations", _command(env, "flows.automations"))
    _automation(env, "zombies(None, timedelta(seconds=75))")


#: The day's stages in a process that has loaded what it needs, timed inside.
_PLAN_DAY = """
import sys, time
from pathlib import Path
from oceanclean.chain import plan_day
from oceanclean.cli.options import daily_run
run = daily_run("cove", sys.argv[1], "", Path(sys.argv[2]), Path(sys.argv[3]), 20240608)
start = time.perf_counter()
plan_day(run)
print(time.perf_counter() - start)
"""


def cost(env: dict[str, str], api: Api, plain: Path, day: str) -> None:
    """What orchestration adds to a day: flow and command on a day whose stages all stand, so that only it is timed.

    Each is a process of its own, three times, the middle one counts: inside it (the day's stages against the flow's run
    as the server has it) and from start to end (with the loading of Prefect); beside it an ephemeral server.
    """
    at = {**env, "OCEANCLEAN_WORK": str(plain)}
    of = ("--region", "cove", "--date", day)
    code = [sys.executable, "-c", _PLAN_DAY, day, str(plain), env["OCEANCLEAN_CONFIG"]]
    inside = sorted(float(subprocess.run(code, env=at, check=True, capture_output=True, text=True, cwd=ROOT).stdout)
                    for _ in range(3))[1]  # fmt: skip
    command = sorted(_command(at, "oceanclean", "plan", *of) for _ in range(3))[1]
    flow = sorted(_command(at, "flows.daily", *of) for _ in range(3))[1]
    runs = api("/flow_runs/filter", {"flows": {"name": {"any_": ["daily-plan"]}}})
    run_s = sorted(float(r["total_run_time"]) for r in runs)[len(runs) // 2]  # type: ignore[attr-defined]
    without = {k: v for k, v in at.items() if k != "PREFECT_API_URL"} | {"PREFECT_HOME": str(plain / "prefect")}
    without.pop("PREFECT_API_DATABASE_CONNECTION_URL")
    ephemeral = _command(without, "flows.daily", *of)
    _say("the day's stages, all from the store, inside a process", inside)
    _say("the flow's run on the running server, the same day", run_s)
    _say("COST OF ORCHESTRATION a daily flow", run_s - inside, "wanted: at most 2 s")
    _say("`oceanclean plan` as a process, start to end", command)
    _say("the flow as a process on the running server", flow, f"{flow - command:.1f} s more, Prefect's loading with it")
    _say("the flow as a process with an ephemeral server", ephemeral, f"start-up: {ephemeral - flow:.1f} s more")


def deployed(api: Api) -> dict[str, str]:
    """Ids of the server's deployments by name."""
    return {d["name"]: d["id"] for d in api("/deployments/filter", {"limit": 50})}  # type: ignore[attr-defined]


def _reused(work: Path) -> str:
    """How many stages of the last run stood in the store."""
    last = max(work.glob("runs/cove/*/run.json"), key=lambda p: p.stat().st_mtime)
    stages = json.loads(last.read_text())["stages"]
    return f"{sum(s['reused'] for s in stages)} of {len(stages)} stages from the store"


def by_hand(api: Api, ids: dict[str, str], issue_time: str, plan_s: float) -> None:
    """Trigger the daily plan, wait, read its artifact, compare with the command."""
    start = time.perf_counter()
    run = trigger(api, ids["daily-plan-cove"], issue_time=issue_time)
    _wait("plan by hand", lambda: api.state(run) in {"Completed", "Failed", "Crashed"}, 400)
    total = time.perf_counter() - start
    facts = api(f"/flow_runs/{run}")
    if facts["state"]["name"] != "Completed":
        sys.exit(f"FAILED: plan by hand ended {facts['state']}")
    own = facts["total_run_time"]
    _say("daily plan by hand: triggered to finished", total)
    ledger = facts["parameters"].get("work", "")
    _say(
        "  of it in the flow",
        own,
        f"{_reused(Path(ledger))}; computed by `oceanclean plan`, one process: {plan_s:.1f} s",
    )
    tasks = api("/task_runs/filter", {"flow_runs": {"id": {"any_": [run]}}, "limit": 200})
    artifact = api("/artifacts/filter", {"artifacts": {"key": {"any_": ["plan-cove"]}}})
    rows = json.loads(artifact[0]["data"])
    _say("  read back", None, f"{len(tasks)} task runs; artifact plan-cove: {len(rows)} vessels")


def _automation(env: dict[str, str], call: str) -> None:
    """Create one of the automations with a window that a check can wait for."""
    code = f"from datetime import timedelta; from flows.automations import no_plan, zombies; {call}.create()"
    subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, check=True, capture_output=True)


def trigger(api: Api, deployment: str, **parameters: str) -> str:
    """Start a deployment by hand; the run's id."""
    body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
    return str(api(f"/deployments/{deployment}/create_flow_run", body)["id"])


def others(api: Api, runs: dict[str, str]) -> None:
    """Wait for the other flows, which were triggered meanwhile."""
    ended = {"Completed", "Skipped", "Degraded", "Late", "Failed", "Crashed"}
    for name, run in runs.items():
        _wait(name, lambda run=run: api.state(run) in ended, 300)
        facts = api(f"/flow_runs/{run}")
        if facts["state"]["type"] != "COMPLETED":
            sys.exit(f"FAILED: {name} ended {facts['state']}")
        _say(f"  {name}", facts["total_run_time"], f"{facts['state']['name']}: {facts['state']['message'] or ''}"[:90])


def by_schedule(api: Api, ids: dict[str, str], **parameters: str) -> None:
    """Let a schedule fire in the next minute, and see the plan of the scheduled moment (or of ``issue_time``)."""
    deployment, known = ids["daily-plan-cove"], len(api.runs(ids["daily-plan-cove"]))
    start = time.perf_counter()
    schedule = {"schedule": {"cron": "* * * * *", "timezone": "UTC"}, "active": True, "parameters": parameters}
    made = api(f"/deployments/{deployment}/schedules", [schedule])
    finished = lambda: [r for r in api.runs(deployment) if r["auto_scheduled"] and r["state"]["name"] == "Completed"]  # noqa: E731
    _wait("plan by schedule", finished, 300)
    found = finished()[0]
    late = datetime.fromisoformat(found["start_time"]) - datetime.fromisoformat(found["expected_start_time"])
    _say("daily plan by schedule: schedule made to plan", time.perf_counter() - start,
         f"started {late.total_seconds():.1f} s after its moment; {len(api.runs(deployment)) - known} new")  # fmt: skip
    api(f"/deployments/{deployment}/schedules/{made[0]['id']}", method="DELETE")
    for run in api.runs(deployment):
        if run["state"]["name"] in {"Scheduled", "Late", "Pending"}:
            api(f"/flow_runs/{run['id']}/set_state", {"state": {"type": "CANCELLED"}, "force": True})


def killed(api: Api, ids: dict[str, str], worker: subprocess.Popen[bytes], work: Path, issue_time: str) -> None:
    """Kill a run and its worker; the server notices by the silence and marks the run crashed."""
    shutil.rmtree(work / "runs" / "cove", ignore_errors=True)
    run = trigger(api, ids["daily-plan-cove"], issue_time=issue_time)
    _wait("run to kill begins", lambda: api.state(run) == "Running" and list(work.glob("runs/cove/*/ingest")), 200, 0.2)
    time.sleep(5)  # its first heartbeat is on its way
    children = subprocess.run(["pgrep", "-s", str(worker.pid)], capture_output=True, text=True, check=False).stdout
    for pid in children.split():
        os.kill(int(pid), signal.SIGKILL)
    seconds = _wait("a killed run is marked crashed", lambda: api.state(run) == "Crashed", 300, 1)
    _say("run and worker killed (SIGKILL): marked crashed after", seconds, "heartbeat every 30 s, silence of 75 s")


def dead_man(api: Api, env: dict[str, str]) -> None:
    """A switch with a window of 20 s for a region that never has a plan."""
    _automation(env, "no_plan('nowhere', None, None, timedelta(seconds=20))")
    fired = lambda: api("/events/filter", {"filter": {"event": {"name": ["prefect.automation.triggered"]}, "resource": {  # noqa: E731
        "labels": {"prefect.resource.name": ["oceanclean: no plan of nowhere"]}}}})["events"]  # fmt: skip
    _say("dead man's switch of 20 s fired after", _wait("dead man's switch", fired, 120, 1))


def sea_and_plan(folder: Path, env: dict[str, str], day: str) -> float:
    """What is seen of the day, and its plan by command in a folder of its own; seconds of that command."""
    work, plain = folder / "work", folder / "plain"
    noted = plain / "seconds.json"
    if not noted.is_file():
        _command(env, "oceanclean", "twin", "observe", "--region", "cove", "--date", day)
        shutil.rmtree(plain, ignore_errors=True)
        shutil.copytree(work / "twin", plain / "twin")
        of = ("--region", "cove", "--date", day)
        seconds = _command({**env, "OCEANCLEAN_WORK": str(plain)}, "oceanclean", "plan", *of)
        noted.write_text(json.dumps({"day": day, "seconds": seconds}))
    return float(json.loads(noted.read_text())["seconds"])


def main() -> None:
    """Run the check and print what was measured; the exit status is 1 where something did not happen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="empty folder; removed first")
    parser.add_argument(
        "--keep", action="store_true", help="go on in the folder: what is seen and planned there stands"
    )
    parser.add_argument("--part", choices=PARTS, nargs="+", default=PARTS, help="only what it costs, plans, or the "
                        "kill and the switch: pieces for a machine that ends long jobs")  # fmt: skip
    given = parser.parse_args()
    parts = set(given.part)
    folder = given.folder.resolve()
    for old in ("pg", "prefect", "work/runs") if given.keep else (".",):
        shutil.rmtree(folder / old, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # a time limit must not leave the database behind
    config = folder / "config" if (folder / "config").is_dir() else small_sea(folder)
    work, port = folder / "work", free_port()
    api = Api(f"http://127.0.0.1:{port}/api")
    with ExitStack() as stack:
        env = environment(folder, config, work, api.url, stack.enter_context(postgres(folder)))
        stack.enter_context(server(api, env, folder, port))
        noted = folder / "plain" / "seconds.json"
        here = ZoneInfo(yaml.safe_load((config / "regions" / "cove.yaml").read_text())["timezone"])
        day = json.loads(noted.read_text())["day"] if noted.is_file() else datetime.now(here).date().isoformat()
        plan_s = sea_and_plan(folder, env, day)
        if "cost" in parts:
            cost(env, api, folder / "plain", day)
        if parts == {"cost"}:
            return
        if "faults" not in parts:  # what was planned by command stands: the run by hand is answered from the store
            shutil.copytree(folder / "plain" / "runs", work / "runs")
        deploy(env, folder, work)
        ids, issued = deployed(api), f"{day}T11:00:00Z"
        process = stack.enter_context(running(WORKER, env, folder / "worker.log"))
        by_hand(api, ids, issued, plan_s)
        if "plans" in parts:
            by_schedule(api, ids, **({} if "faults" in parts else {"issue_time": issued}))
            others(api, {name: trigger(api, ids[name]) for name in ids if not name.startswith("daily-plan")})
        if "faults" in parts:
            killed(api, ids, process, work, issued)
            stack.enter_context(running(WORKER, env, folder / "worker-2.log"))
            by_hand(api, ids, issued, plan_s)
            dead_man(api, env)
    print(f"all of it happened ({', '.join(given.part)})")


if __name__ == "__main__":
    main()
