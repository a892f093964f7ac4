"""What a server does by itself: the missing plan, runs that hang or died, sources that stay down, failures.

``python -m flows.automations`` creates or renews them on the server of PREFECT_API_URL. Messages go to the notification
block that OCEANCLEAN_NOTIFY names (``slack-webhook/ops``); without one an automation is seen among the server's events.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import typer
from prefect import get_client
from prefect.automations import Automation
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ActionTypes, ChangeFlowRunState, DoNothing, RunDeployment, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

from flows.deployments import scheduled
from flows.events import BREACH, ENDS, PLAN_ISSUED, SOURCE_FAILED, region_resource

#: No plan of a region for so long calls for one: a day, and two hours for late data and clock changes.
NO_PLAN = timedelta(hours=26)
#: A run that does not start within this holds its region's slot for nothing.
PENDING = timedelta(minutes=20)
#: Three heartbeats (PREFECT_FLOWS_HEARTBEAT_FREQUENCY of ``config/prefect-server.env``) without one: the run is dead.
SILENT = timedelta(seconds=180)
#: So many failed fetches within the time make a source worth a message.
FAILED_FETCHES, FETCHES_WITHIN = 6, timedelta(hours=12)
_ENDS = {f"prefect.flow-run.{s}" for s in ("Completed", "Failed", "Cancelled", "Crashed", *ENDS)}
_RUNS = {"prefect.resource.id": "prefect.flow-run.*"}


def no_plan(region: str, deployment: UUID | None, notify: UUID | None, within: timedelta = NO_PLAN) -> Automation:
    """Dead man's switch: when a region has told of no plan, tell people and run its watch, which makes one."""
    name = f"oceanclean: no plan of {region}"
    actions = _tell(notify, name, f"No plan of {region} was issued for {within}. Its watch is being run.")
    if deployment is not None:
        actions.append(RunDeployment(source="selected", deployment_id=deployment, parameters=None, job_variables=None))
    trigger = _absent(expect={PLAN_ISSUED}, match={"prefect.resource.id": region_resource(region)}, within=within)
    return Automation(name=name, description="Dead man's switch", trigger=trigger, actions=actions)


def zombies(notify: UUID | None, within: timedelta = SILENT) -> Automation:
    """A run whose heartbeats stopped (killed, out of memory, machine gone) is marked crashed."""
    beat = "prefect.flow-run.heartbeat"
    trigger = _absent(after={beat}, expect={beat} | _ENDS, match=_RUNS, within=within, each=True)
    return Automation(name="oceanclean: run without a heartbeat", trigger=trigger, actions=[
        _crashed("No heartbeat: the process is gone."),
        *_tell(notify, "A run died", "{{ flow_run.name }} stopped without a word."),
    ])  # fmt: skip


def stuck(notify: UUID | None, within: timedelta = PENDING) -> Automation:
    """A run that stays pending is marked crashed: it gives back the slot that it holds."""
    pending = "prefect.flow-run.Pending"
    expect = {"prefect.flow-run.Running"} | _ENDS
    trigger = _absent(after={pending}, expect=expect, match=_RUNS, within=within, each=True)
    return Automation(name="oceanclean: run stuck in pending", trigger=trigger, actions=[
        _crashed("It never started; its slot is free again."),
        *_tell(notify, "A run never started", "{{ flow_run.name }} stayed pending."),
    ])  # fmt: skip


def sources_down(notify: UUID | None) -> Automation:
    """Fetches of a region keep failing."""
    trigger = EventTrigger(
        expect={SOURCE_FAILED}, match=cast(Any, {"prefect.resource.id": "oceanclean.region.*"}),
        for_each={"prefect.resource.id"}, posture=Posture.Reactive, threshold=FAILED_FETCHES, within=FETCHES_WITHIN,
    )  # fmt: skip
    text = "Sources of {{ event.resource.id }} keep failing: {{ event.payload.source }}, {{ event.payload.why }}"
    return Automation(name="oceanclean: sources stay down", trigger=trigger,
                      actions=_tell(notify, "Sources down", text))  # fmt: skip


def failures(notify: UUID | None) -> Automation:
    """A run failed, or a monitored figure passed its bound."""
    trigger = EventTrigger(expect={"prefect.flow-run.Failed", "prefect.flow-run.Crashed", BREACH},
                           posture=Posture.Reactive, threshold=1)  # fmt: skip
    return Automation(name="oceanclean: failures", trigger=trigger,
                      actions=_tell(notify, "Failure", "{{ event.event }}: {{ event.resource.id }}"))  # fmt: skip


def automations(deployments: dict[str, UUID], regions: Sequence[str], notify: UUID | None) -> list[Automation]:
    """All of them.

    Args:
        deployments: id by name of the deployments that the server has.
        regions: regions that are planned for.
        notify: id of the notification block, or None.
    """
    watches = [no_plan(r, deployments.get(f"plan-watch-{r}"), notify) for r in regions]
    return [*watches, zombies(notify), stuck(notify), sources_down(notify), failures(notify)]


def _absent(
    *, expect: set[str], match: dict[str, str], within: timedelta, after: set[str] | None = None, each: bool = False
) -> EventTrigger:
    """A trigger that fires when events do not come."""
    return EventTrigger(
        after=after or set(), expect=expect, match=cast(Any, match), posture=Posture.Proactive, threshold=1,
        within=within, for_each={"prefect.resource.id"} if each else set(),
    )  # fmt: skip


def _crashed(message: str) -> ChangeFlowRunState:
    return ChangeFlowRunState(name="Crashed", state=StateType.CRASHED, message=message, force=True)


def _tell(notify: UUID | None, subject: str, body: str) -> list[ActionTypes]:
    """A message, where a block for it is known."""
    if notify is None:
        return [DoNothing()]
    return [SendNotification(block_document_id=notify, subject=subject, body=body)]


def _without_id(automation: Automation) -> AutomationCore:
    """What the server takes: it gives the id itself and refuses a body that names one, even an empty one."""
    return AutomationCore(**automation.model_dump(exclude={"id"}))


def apply() -> list[str]:
    """Create or renew the automations on the server; their names."""
    with get_client(sync_client=True) as client:
        known = {d.name: d.id for d in client.read_deployments(limit=200)}
        block = os.environ.get("OCEANCLEAN_NOTIFY", "")
        notify = None
        if block:
            kind, _, name = block.partition("/")
            notify = client.read_block_document_by_name(name, kind).id
        regions = sorted({str(s.parameters["region"]) for s in scheduled() if "region" in s.parameters})
        wanted = automations(known, regions, notify)
        for automation in wanted:
            for old in client.read_automations_by_name(automation.name):
                client.delete_automation(old.id)
            client.create_automation(_without_id(automation))
    return [a.name for a in wanted]


def main() -> None:
    """Create or renew the automations on the server of PREFECT_API_URL."""
    if not os.environ.get("PREFECT_API_URL"):
        typer.echo("error: PREFECT_API_URL is not set; automations live on a server.", err=True)
        raise typer.Exit(2)
    typer.echo("\n".join(apply()))


if __name__ == "__main__":
    typer.run(main)
