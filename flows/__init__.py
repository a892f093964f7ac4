"""Prefect flows: composition and scheduling only; the algorithms are in ``oceanclean``.

Prefect reads its environment when it is first imported, so the project's settings are put there here, before any flow
module imports it. What the caller has set already is left alone.
"""

import contextlib
import os
from pathlib import Path

#: Folder of runs where a flow is given none: that of the machine or container it runs on.
WORK = os.environ.get("OCEANCLEAN_WORK", "var")

_DEFAULTS = {
    "PREFECT_HOME": str(Path(WORK).resolve() / "prefect"),
    # the ephemeral server takes 15 to 25 s to start on two cores; Prefect's own limit is 20 s
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "DO_NOT_TRACK": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
}
for _name, _value in _DEFAULTS.items():
    os.environ.setdefault(_name, _value)
with contextlib.suppress(OSError):  # a read-only checkout: whoever runs a flow there sets PREFECT_HOME
    Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)
