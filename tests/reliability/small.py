"""The cove in less: what is tried here is the chain, again and again, not what it computes."""

from __future__ import annotations

import shutil

from tests.chain.conftest import Place, change_yaml


def make_small(place: Place) -> None:
    """One scene of 3.6 km, few patches, few members, a day ahead; seen anew."""
    models = place.config / "models"
    change_yaml(models / "allocation.yaml", lambda c: c["tasks"].update(max_patches=6, max_shares=12))
    change_yaml(models / "allocation.yaml", lambda c: c["search"].update(iterations=30))
    change_yaml(models / "drift.yaml", lambda c: c.update(members=4, particles_per_member=300))
    change_yaml(models / "drift.yaml", lambda c: c["tracks"].update(members=4, particles=150))
    change_yaml(models / "twin.yaml", lambda c: c["scene"].update(size_px=360, strip_px=360))
    change_yaml(place.config / "regions" / "cove.yaml", lambda c: c.update(horizon_h=24))
    shutil.rmtree(place.work / "twin")
    place.oceanclean("twin", "observe")
