"""The table of deployments on a real server with a database and a worker: the daily plan by hand and by schedule.

It takes more than a minute, so it runs where it is asked for (``OCEANCLEAN_TEST_SERVER=1``) and PostgreSQL is there;
``python -m benchmarks.orchestration`` goes further: all flows, a killed worker, a dead man's switch, and what it costs.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from benchmarks import orchestration
from tests.chain.conftest import Place


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_daily_plan_by_hand_and_by_schedule_on_a_server(continued: Place, capsys) -> None:
    """Every row is deployed, the automations are taken, the day is planned twice, its table is read back."""
    if os.environ.get("OCEANCLEAN_TEST_SERVER") != "1":
        pytest.skip("a server with a database takes more than a minute: set OCEANCLEAN_TEST_SERVER=1")
    if orchestration.database_tools()[1] is None:
        pytest.skip("PostgreSQL is not installed (Debian's package postgresql)")
    for path in continued.config.glob("*/*.yaml"):
        if path.parent.name in {"regions", "fleets", "sources"} and path.stem != "cove":
            path.unlink()
    port = orchestration.free_port()
    api = orchestration.Api(f"http://127.0.0.1:{port}/api")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        folder.chmod(0o755)  # the database's own user must enter it
        database = stack.enter_context(orchestration.postgres(folder))
        env = orchestration.environment(folder, continued.config, continued.work, api.url, database)
        stack.enter_context(orchestration.server(api, env, folder, port))
        orchestration.deploy(env, folder, continued.work)
        ids = orchestration.deployed(api)
        assert {"daily-plan-cove", "plan-watch-cove", "ingest-cove", "skill-cove", "retraining"} <= set(ids)
        assert len(api("/automations/filter", {})) >= 5
        stack.enter_context(orchestration.running(orchestration.WORKER, env, folder / "worker.log"))
        orchestration.by_hand(api, ids, "2026-06-15T11:00:00Z", float("nan"))
        orchestration.by_schedule(api, ids, issue_time="2026-06-15T11:00:00Z")
    said = capsys.readouterr().out
    assert "artifact plan-cove" in said
    assert "daily plan by schedule" in said
