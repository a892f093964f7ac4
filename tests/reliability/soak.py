"""Plans the same day again and again in one process and says what that process holds after each.

``python -m tests.reliability.soak DAYS`` with OCEANCLEAN_CONFIG and OCEANCLEAN_WORK set; one line of JSON a day.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import psutil


def main() -> None:
    """Plan, look, forget."""
    from oceanclean.allocation.process import keep_solver
    from oceanclean.chain import DailyRun, plan_day

    keep_solver()
    own, work = psutil.Process(), Path(os.environ["OCEANCLEAN_WORK"])
    for number in range(int(sys.argv[1])):
        begun = time.monotonic()
        run = DailyRun("cove", "2026-06-15T11:00:00Z", work, Path(os.environ["OCEANCLEAN_CONFIG"]))
        plan_day(run)
        shutil.rmtree(run.folder.root)
        gc.collect()
        found: dict[str, Any] = {"day": number, "seconds": round(time.monotonic() - begun, 2)}
        sys.stdout.write(json.dumps(found | _held(own)) + "\n")
        sys.stdout.flush()


def _held(own: psutil.Process) -> dict[str, Any]:
    """Memory, handles and threads of the process and of those that it keeps."""
    kept = [own, *own.children(recursive=True)]
    return {"mib": [round(p.memory_info().rss / 2**20, 1) for p in kept], "handles": sum(p.num_fds() for p in kept),
            "threads": own.num_threads(), "left": len(list(Path(os.environ["TMPDIR"]).iterdir()))}  # fmt: skip


if __name__ == "__main__":
    main()
