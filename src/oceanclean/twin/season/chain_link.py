"""The real chain, asked day by day in a process of its own that is told nothing but a planner's folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from oceanclean.errors import OceancleanError
from oceanclean.products.plan import Plan
from oceanclean.twin.season.ship import Step
from oceanclean.twin.sortie import naive_utc

if TYPE_CHECKING:
    from oceanclean.twin.season.sea import Sea
    from oceanclean.twin.season.seaway import Plane


class Chain:
    """A process that plans days on request (:mod:`oceanclean.chain.by_request`); started when first asked.

    Args:
        work: the planner's folder; the process runs in it.
        log: file that takes what the process prints.
    """

    def __init__(self, work: Path, log: Path) -> None:
        self.work, self.log = work, log
        self._process: subprocess.Popen[str] | None = None

    def ask(self, **request: Any) -> dict[str, Any]:
        """Plan one day.

        Returns:
            ``folder`` of the last stage, ``facts``, ``seconds``.

        Raises:
            OceancleanError: what the chain raised, or that its process died.
        """
        _, ask, hear = self._started()
        try:
            ask.write(json.dumps({"work": str(self.work), **request}, default=str) + "\n")
            ask.flush()
            line = hear.readline()
        except OSError:
            line = ""
        if not line:
            raise OceancleanError(f"The chain's process died; {self.log} holds its last words. Start the run again.")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise OceancleanError(f"{request.get('issue_time')}: {reply['error']}")
        return reply

    def _started(self) -> tuple[subprocess.Popen[str], IO[str], IO[str]]:
        if self._process is None:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            source = str(Path(__file__).resolve().parents[3])
            paths = os.pathsep.join(p for p in (source, os.environ.get("PYTHONPATH", "")) if p)
            with self.log.open("a", encoding="utf-8") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "oceanclean.chain.by_request"], cwd=self.work, stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE, stderr=log, text=True,
                    env={**os.environ, "PYTHONPATH": paths, "OCEANCLEAN_WORK": str(self.work)},
                )  # fmt: skip
        ask, hear = self._process.stdin, self._process.stdout
        if ask is None or hear is None:
            raise TypeError("the chain's process was started without pipes")
        return self._process, ask, hear

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            process, ask, hear = self._started()
            ask.close()
            process.wait(60)
            hear.close()
            self._process = None

    def __enter__(self) -> Chain:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def steps_of(plan: Plan, sea: Sea, plane: Plane) -> dict[str, list[Step]]:
    """A plan's orders as the engine takes them."""

    def hour(time: Any) -> float:
        return float((naive_utc(time) - sea.ocean.start) / np.timedelta64(1, "s")) / 3600

    tracks = {}
    for task, rows in plan.task_tracks.sort_values("time").groupby("task_id"):
        hours = np.array([hour(t) for t in rows["time"]])
        tracks[str(task)] = (hours, plane.xy(rows.geometry.x.to_numpy(), rows.geometry.y.to_numpy()))
    steps: dict[str, list[Step]] = {v.vessel_id: [] for v in plan.vessels}
    for order in plan.orders.sort_values(["vessel_id", "sequence"]).itertuples():
        goal = plane.xy(order.geometry.x, order.geometry.y)
        own = steps[order.vessel_id]
        if order.action in ("unload", "return"):
            own.append(Step("port", goal))
        elif order.action == "collect":
            begin = hour(order.arrive)
            track = tracks.get(order.task_id)
            if track is not None:  # the share of the patch that was ordered drifts as the patch does
                hours, xy = track
                at = np.array([np.interp(begin, hours, xy[:, k]) for k in (0, 1)])
                track = (hours, xy - at + goal)
            own.append(Step("collect", goal, begin, hour(order.leave) - begin, track, None, order.task_id,
                            float(order.expected_kg)))  # fmt: skip
    return steps
