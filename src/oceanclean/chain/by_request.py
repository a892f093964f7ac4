"""Days planned on request, in a process that knows nothing but the files it is named: ``python -m`` this module.

One JSON object a line comes in (``region``, ``issue_time``, ``work``, ``config``, ``seed``, ``until``, ``archive`` of
earlier maps where there is one, and where a stage is given ``detections``, ``still``, ``tracks``); one goes out:
``folder`` of the last stage and its ``facts``, or ``error``. Whatever libraries print goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, TextIO

from oceanclean.errors import OceancleanError


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Plan one day.

    Args:
        request: see the module.

    Returns:
        ``folder``, ``facts``, ``seconds``; or ``error`` in words.
    """
    from oceanclean.chain.observing import climatology_file, write_climatology
    from oceanclean.chain.replaced import Replaced, plan_replaced
    from oceanclean.chain.run import DailyRun

    def place(key: str) -> Path | None:
        return Path(request[key]) if request.get(key) else None

    run = DailyRun(request["region"], request["issue_time"], Path(request["work"]), place("config"), request["seed"])
    replaced = Replaced(place("detections"), bool(request.get("still")), place("tracks"))
    try:
        if (archive := place("archive")) is not None and climatology_file(run) is None:
            write_climatology(run.work, run.region_name, sorted(archive.glob("*.nc")))
        record = plan_replaced(run, replaced, request.get("until", "allocate"))
    except OceancleanError as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {"folder": str(record.folder), "facts": record.facts, "seconds": record.seconds}


def serve(requests: TextIO, replies: TextIO) -> None:
    """Answer requests until there are no more; the allocation's process is started once for all of them."""
    from oceanclean.allocation.process import keep_solver

    keep_solver()
    for line in requests:
        request = json.loads(line)
        os.environ["OCEANCLEAN_WORK"] = str(request["work"])
        replies.write(json.dumps(answer(request), default=str) + "\n")
        replies.flush()


if __name__ == "__main__":
    own = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    serve(sys.stdin, own)
