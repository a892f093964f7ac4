"""Where the figures come from: runs, inputs and their licences, software and its licences, approvals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import metadata
from typing import TYPE_CHECKING

from oceanclean.planning.notation import plain
from oceanclean.planning.runs import Decision, Run
from oceanclean.store import digest_record

if TYPE_CHECKING:
    import pandas as pd

#: Words of an approval in the audit log.
APPROVAL = re.compile(r"approv", re.IGNORECASE)
#: Words of its withdrawal.
WITHDRAWAL = re.compile(r"withdr", re.IGNORECASE)
#: What a source without a licence says.
NO_LICENCE = "not stated"


def lineage(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a run: how it ended, with which code, seed and models, and the digest of its plan."""
    import pandas as pd

    rows = []
    for run in runs:
        models = run.ledger.get("models", {})
        published = run.stages.get("publish", {}).get("outputs", {}).get("plan.json", "")
        rows.append({
            "issue_time": run.issue_time, "outcome": run.outcome, "code": str(run.ledger.get("code", ""))[:12],
            "seed": str(run.ledger.get("seed", "")), "plan_sha256": published[:12],
            "models": "; ".join(f"{name} {digest[:12]}" for name, digest in models.items()) or "none",
            "software": str(run.ledger.get("versions", {}).get("oceanclean", "")),
        })  # fmt: skip
    columns = ["issue_time", "outcome", "code", "seed", "plan_sha256", "models", "software"]
    return pd.DataFrame(rows, columns=columns)


def data_licences(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a source that the season's runs were set to read, with the licence that the settings state."""
    import pandas as pd

    found: dict[tuple[str, str, str], dict[str, str | int]] = {}
    for run in runs:
        sources = run.stages.get("ingest", {}).get("facts", {}).get("settings", {}).get("sources", {})
        for role, listed in sources.items():
            for source in listed if isinstance(listed, list) else []:
                key = (role, source["kind"], source["path"])
                row = found.setdefault(key, {"role": role, "source": _title(source), "licence": NO_LICENCE, "runs": 0})
                row["licence"] = plain(source.get("licence"), 200) or NO_LICENCE
                row["runs"] = int(row["runs"]) + 1
    return pd.DataFrame(found.values(), columns=["role", "source", "licence", "runs"])


def _title(source: dict[str, object]) -> str:
    options = source.get("options")
    title = options.get("title", "") if isinstance(options, dict) else ""
    return plain(title, 120) or f"{source['kind']}, {plain(source['path'], 80)}"


def software_licences(package: str = "oceanclean") -> pd.DataFrame:
    """The package and all that it requires, direct or not, with the version and the licence as installed."""
    import pandas as pd

    todo, seen = [package], dict[str, dict[str, str]]()
    while todo:
        name = todo.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in seen:
            continue
        try:
            found = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue  # required on another platform, or by an extra that is not installed
        seen[key] = {"package": found["Name"], "version": found["Version"], "licence": licence_of(found)}
        todo += [r for line in metadata.requires(name) or [] if (r := _required(line))]
    return pd.DataFrame([seen[k] for k in sorted(seen)], columns=["package", "version", "licence"])


def _required(line: str) -> str:
    """Name of a requirement that no extra asks for; "" for others."""
    if re.search(r";.*\bextra\s*==", line):
        return ""
    found = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line)
    return found.group(0) if found else ""


def licence_of(found: metadata.PackageMetadata) -> str:
    """The licence that a wheel states: SPDX expression, else classifiers, else the first line of its licence field."""
    if "License-Expression" in found:
        return plain(found["License-Expression"], 80)
    classifiers = [c.split(" :: ")[-1] for c in found.get_all("Classifier") or [] if c.startswith("License ::")]
    if classifiers := [c for c in classifiers if c != "OSI Approved"]:
        return plain("; ".join(classifiers), 80)
    first = ("".join(found.get_all("License") or [])).strip().splitlines()
    return plain(first[0], 80) if first else NO_LICENCE


def approvals(runs: Sequence[Run], decisions: Sequence[Decision]) -> pd.DataFrame:
    """One row a plan: who approved it and when, from the audit log or from the plan itself.

    The last approval or withdrawal of the plan decides; an approval that names another plan's digest does not count.
    """
    import pandas as pd

    rows = []
    for run in runs:
        if not run.plan:
            continue
        last = _last_word(run, decisions)
        header = run.plan["header"]
        approved = bool(APPROVAL.search(last.action)) if last else bool(header["approved_by"])
        by = (last.by if last else header["approved_by"]) if approved else ""
        rows.append({"issue_time": run.issue_time, "status": "APPROVED" if approved else "DRAFT",
                     "approved_by": plain(by, 120) or "nobody",
                     "approved_at": plain(last.time, 40) if last and approved else ""})  # fmt: skip
    return pd.DataFrame(rows, columns=["issue_time", "status", "approved_by", "approved_at"])


def _last_word(run: Run, decisions: Sequence[Decision]) -> Decision | None:
    """The last approval or withdrawal of the run's plan as it stands."""
    outputs = run.stages.get("allocate", {}).get("outputs")
    digest = digest_record(outputs) if outputs else ""
    own = [
        d
        for d in decisions
        if d.issue_time in {run.issue_time, run.folder.name}
        and d.region in {"", run.region}
        and (not d.plan or not digest or d.plan == digest)
        and (APPROVAL.search(d.action) or WITHDRAWAL.search(d.action))
    ]
    return own[-1] if own else None
