"""The software bill of materials: what is installed, with its licence, as CycloneDX JSON."""

from __future__ import annotations

import json
import re
from importlib import metadata
from pathlib import Path
from typing import Any

from oceanclean import __version__
from oceanclean.errors import InputError


def bill_of_materials(package: str = "oceanclean") -> str:
    """CycloneDX 1.6 JSON of the package and all distributions that it requires, as they are installed.

    The same environment gives the same text: no time and no serial number are written.

    Args:
        package: name of the distribution.
    """
    from cyclonedx.contrib.license.factories import LicenseFactory
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6
    from packageurl import PackageURL

    from oceanclean.planning.season.compliance import NO_LICENCE, software_licences

    licences, bom = LicenseFactory(), Bom()
    found: dict[str, Any] = {}
    for row in software_licences(package).to_dict("records"):
        name = _normal(row["package"])
        stated = [] if row["licence"] == NO_LICENCE else [licences.make_from_string(row["licence"])]
        found[name] = Component(
            name=row["package"], version=row["version"], licenses=stated, bom_ref=f"{name}@{row['version']}",
            type=ComponentType.APPLICATION if name == package else ComponentType.LIBRARY,
            purl=PackageURL("pypi", None, name, row["version"]),
        )  # fmt: skip
    for name, component in found.items():
        bom.register_dependency(component, [found[r] for r in sorted(_requires(component.name)) if r in found])
        if name != package:
            bom.components.add(component)
    bom.metadata.component = found.get(package) or Component(name=package, version=__version__)
    bom.metadata.timestamp = None  # type: ignore[assignment]
    bom.serial_number = None  # type: ignore[assignment]
    return JsonV1Dot6(bom).output_as_string(indent=1)


def changes(before: Path, now: str) -> list[str]:
    """What came, went or changed between two bills of materials, one line each, by name.

    Args:
        before: file of the older bill, CycloneDX JSON.
        now: text of the newer bill.

    Raises:
        InputError: the file is no bill of materials.
    """
    try:
        old = _versions(json.loads(before.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(before, "bill of materials", type(error).__name__, "CycloneDX JSON of `oceanclean sbom`",
                         "Write one with --out first.") from error  # fmt: skip
    new = _versions(json.loads(now))
    said = []
    for name in sorted({*old, *new}):
        was, is_now = old.get(name), new.get(name)
        if was != is_now:
            said.append(f"{name}: {was or 'absent'} -> {is_now or 'absent'}")
    return said


def _versions(bill: dict[str, Any]) -> dict[str, str]:
    return {_normal(part["name"]): str(part["version"]) for part in bill["components"]}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _requires(name: str) -> set[str]:
    """Names of what a distribution requires without an extra."""
    lines = metadata.requires(name) or []
    names = (re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", x) for x in lines if not re.search(r";.*\bextra\s*==", x))
    return {_normal(m.group(0)) for m in names if m}
