"""What a form of the desk says, made into one decision."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from oceanclean.decisions import KINDS, Decisions, Entry
from oceanclean.errors import InputError

Fields = Mapping[str, str]
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")


def added(decisions: Decisions, kind: str, fields: Fields) -> Decisions:
    """The decisions with one more.

    Args:
        decisions: those so far.
        kind: a list of :class:`~oceanclean.decisions.Decisions`.
        fields: the form's fields.

    Raises:
        InputError: unknown kind, or a field cannot be used; names the field and what was expected.
    """
    if kind not in KINDS:
        raise InputError("form", "kind", repr(kind), f"one of {', '.join(KINDS)}", "Use the forms of the desk.")
    record = {k: v for k, v in _MAKERS[kind](fields).items() if v not in ("", None)}
    content = decisions.model_dump()
    content[kind] = [*content[kind], record]
    try:
        return Decisions.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][-1])
        raise InputError("form", field, repr(first.get("input"))[:120], first["msg"], "Correct it.") from error


def removed(decisions: Decisions, kind: str, index: str) -> Decisions:
    """The decisions without one of them; what is no longer there is no error."""
    if kind not in KINDS or not index.isdecimal():
        return decisions
    return decisions.without(Entry(kind, int(index), "", ""))


def _text(fields: Fields, *names: str) -> dict[str, Any]:
    return {name: fields.get(name, "").strip() for name in names}


def _pin(fields: Fields) -> dict[str, Any]:
    return {**_text(fields, "vessel", "task", "reason", "not_before"), "first": bool(fields.get("first"))}


def _limit(fields: Fields) -> dict[str, Any]:
    return {**_text(fields, "vessel", "reason"), fields.get("limit", "limit"): fields.get("value", "").strip()}


def _area(fields: Fields) -> dict[str, Any]:
    return {**_text(fields, "name", "reason", "starts", "ends"), "polygon": corners(fields.get("corners", ""))}


def corners(text: str) -> list[tuple[float, float]]:
    """Corners typed as ``lat, lon`` in decimal degrees, one a line or set apart by semicolons, as (lon, lat).

    Raises:
        InputError: a corner has not two numbers, or there are fewer than three.
    """
    found = []
    for part in (p for p in re.split(r"[;\n]", text) if p.strip()):
        numbers = _NUMBER.findall(part)
        if len(numbers) != 2:
            raise InputError("form", "corners", repr(part.strip())[:80], "latitude and longitude in decimal degrees",
                             "Write one corner a line, for example 16.20, -87.10")  # fmt: skip
        found.append((float(numbers[1]), float(numbers[0])))
    if len(found) < 3:
        raise InputError("form", "corners", f"{len(found)} corners", "at least three", "Write one corner a line.")
    return found


_MAKERS: dict[str, Callable[[Fields], dict[str, Any]]] = {
    "pins": _pin,
    "bans": lambda fields: _text(fields, "vessel", "task", "reason"),
    "holds": lambda fields: _text(fields, "vessel", "reason"),
    "closed_ports": lambda fields: _text(fields, "port", "reason"),
    "closed_areas": _area,
    "limits": _limit,
}
