"""Schedules and automations: they fit their flows, fire at the region's own hours, and are what prefect.yaml says."""

from __future__ import annotations

import importlib
import inspect
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from oceanclean.settings import load_region_settings

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "config"


@pytest.fixture(scope="module")
def table():
    from flows.deployments import scheduled

    return scheduled(CONFIG)


def test_the_parameters_of_every_schedule_fit_its_flow(table) -> None:
    """What a schedule passes is what its flow takes, by name; names are unique; the entry point is the flow."""
    assert len({row.name for row in table}) == len(table)
    for row in table:
        inspect.signature(row.row.flow.fn).bind(**row.parameters)
        module, _, name = row.row.entrypoint().removesuffix(".py").partition(".py:")
        assert getattr(importlib.import_module(module.replace("/", ".")), name) is row.row.flow


@pytest.mark.parametrize("path", sorted((CONFIG / "regions").glob("*.yaml")), ids=lambda p: p.stem)
def test_plans_fire_at_the_regions_own_hour_after_a_fetch(table, path: Path) -> None:
    """The plan at the region's hour in its zone, the last fetch within the half hour before, the watch after."""
    region = load_region_settings(path.stem, CONFIG)
    rows = {row.row.name: row for row in table if row.parameters.get("region") == region.name}
    assert set(rows) == {"ingest", "daily-plan", "plan-watch", "skill", "monthly-report"}
    assert rows["daily-plan"].cron == f"0 {region.plan_hour} * * *"
    assert all(ZoneInfo(r.timezone) == ZoneInfo(region.timezone) for r in rows.values())
    assert 30 <= int(rows["ingest"].cron.split()[0]) < 60
    minute, hour = rows["plan-watch"].cron.split()[:2]
    assert int(hour) == region.plan_hour
    assert 15 <= int(minute) < 60


def test_prefect_yaml_is_what_the_table_makes() -> None:
    """The committed file is not edited by hand and not forgotten."""
    from flows.deployments import as_yaml

    assert (ROOT / "prefect.yaml").read_text(encoding="utf-8") == as_yaml(config=CONFIG)


@pytest.mark.parametrize("pool", ["docker", "kubernetes"])
def test_a_pool_of_containers_runs_the_projects_image(pool: str) -> None:
    """The image is compose's, its volume stands where the image works; nothing else differs from the process pool."""
    from flows.deployments import as_yaml

    content = yaml.safe_load(as_yaml(pool, CONFIG))["deployments"]
    plain = yaml.safe_load(as_yaml("process", CONFIG))["deployments"]
    for ours, base in zip(content, plain, strict=True):
        job = ours["work_pool"].pop("job_variables")
        assert ours["work_pool"] == {"name": f"oceanclean-{pool}"}
        assert job["image"] == yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["app"]["image"]
        for volume in job.get("volumes", []):
            assert f"OCEANCLEAN_WORK={volume.partition(':')[2]}" in (ROOT / "Dockerfile").read_text()
        assert {**ours, "work_pool": {}} == {**base, "work_pool": {}}


def test_what_is_served_from_one_machine_is_the_same_table(table) -> None:
    """flows.serve takes every row with its schedule and zone."""
    from flows.serve import deployment_of

    for row in table:
        deployment = deployment_of(row)
        schedule = deployment.schedules[0].schedule
        assert (deployment.name, schedule.cron, schedule.timezone) == (row.name, row.cron, row.timezone)
        assert deployment.parameters == row.parameters


def test_the_server_takes_every_automation() -> None:
    """The body that is sent passes the server's own model, which refuses what it does not know."""
    from uuid import uuid4

    from prefect.server.events.schemas.automations import AutomationCreate

    from flows.automations import _without_id, automations

    for notify in (None, uuid4()):
        for automation in automations({"plan-watch-demo": uuid4()}, ["demo"], notify):
            body = _without_id(automation).model_dump(mode="json")
            assert AutomationCreate.model_validate(body).name == automation.name


def test_every_name_under_which_a_run_ends_is_known_to_the_watch_over_dead_ones() -> None:
    """A run that ended as "Skipped" is not dead; a flow cannot end under a name that the watch does not know."""
    from flows.automations import zombies
    from flows.events import ENDS, ended

    waited_for = zombies(None).trigger.expect
    for name in ("Completed", "Failed", "Crashed", "Cancelled", *ENDS):
        assert f"prefect.flow-run.{name}" in waited_for
    with pytest.raises(ValueError, match="for dead"):
        ended("Postponed", "")
    for path in (ROOT / "flows").glob("*.py"):
        assert "Completed(name=" not in path.read_text().replace("Completed(name=name", "")


def test_automations_watch_each_region_and_free_what_hangs() -> None:
    """A missing plan, silence and a pending run are absences; the last two end in a crash that frees the slot."""
    from uuid import uuid4

    from flows.automations import automations

    watch = uuid4()
    found = {a.name: a for a in automations({"plan-watch-demo": watch}, ["demo"], None)}
    missing = found["oceanclean: no plan of demo"]
    assert missing.trigger.posture.value == "Proactive"
    assert missing.trigger.expect == {"oceanclean.plan.issued"}
    assert timedelta(hours=25) < missing.trigger.within < timedelta(hours=48)  # a day of 25 h is no alarm
    assert missing.actions[-1].deployment_id == watch
    for name in ("oceanclean: run without a heartbeat", "oceanclean: run stuck in pending"):
        assert found[name].actions[0].state.value == "CRASHED"
        assert found[name].trigger.for_each == {"prefect.resource.id"}
    with_block = automations({}, ["demo"], uuid4())
    assert all(any(x.type == "send-notification" for x in a.actions) for a in with_block)


def test_the_servers_settings_are_ones_that_prefect_takes() -> None:
    """Every variable of the file is known, and retention, vacuum and heartbeat have the values that it says."""
    lines = (CONFIG / "prefect-server.env").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    code = (
        "from prefect.settings import get_current_settings as s; c = s(); v = c.server.services.db_vacuum;"
        "print(c.server.events.retention_period.days, v.retention_period.days, sorted(v.enabled_vacuum_types),"
        " c.flows.heartbeat_frequency, {k: d.days for k, d in v.event_retention_overrides.items()})"
    )
    env = {**os.environ, **{k: v.strip("'") for k, v in given.items()}}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ("14 60 ['events', 'flow_runs', 'orphans'] 60 {'prefect.flow-run.heartbeat': 1}")


def test_flows_hold_no_algorithm() -> None:
    """Flow modules stay a page or two long and import no room but the chain."""
    for path in (ROOT / "flows").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) < 160, path.name
        for room in ("vision", "density", "drift", "allocation", "planning", "sources", "twin", "learning"):
            assert f"oceanclean.{room}" not in text, path.name
            assert f"import {room}" not in text, path.name
