"""The model itself as JSON, and the JSON Schema it is published with."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from oceanclean.planning.model import PlanView


def plan_json(view: PlanView) -> str:
    """The whole model; the schema is ``docs/plan.schema.json``."""
    return json.dumps(asdict(view), ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of :func:`plan_json`, made from the model's types."""
    from pydantic import TypeAdapter

    made = TypeAdapter(PlanView).json_schema(mode="serialization")
    for part in [made, *made.get("$defs", {}).values()]:
        part["additionalProperties"] = False
        if "properties" in part:
            part["required"] = list(part["properties"])
            for facts in part["properties"].values():
                facts.pop("title", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "oceanclean deployment plan"}
