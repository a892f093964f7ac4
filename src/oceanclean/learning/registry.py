"""The registry of models: versions with digests, the aliases champion, challenger and previous, and who moved them why.

One chained log (``<work>/models/audit.jsonl``) is all the state there is: aliases are what its lines add up to, so that
no alias can stand without the line that says who set it and on what evidence. Files stand beside it, one folder a
version, and are checked against their digests when they are used. Version 0 is what ships with the package.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from oceanclean import chained_log
from oceanclean.errors import CorruptStoreError, InputError, MissingDataError, RefusedError
from oceanclean.learning.gates import Evidence
from oceanclean.store import digest_file, digest_record, lock, read_json, write_aside

#: Kinds of models and the suffix of their file; a JSON card stands beside each, a ``.tflite`` beside some.
KINDS = {
    "segmenter": ".keras", "forecaster": ".skops", "classifier": ".keras", "cleanliness": ".keras",
    "detector": ".keras", "litter-segmenter": ".keras",
}  # fmt: skip
ALIASES = ("champion", "challenger", "previous")
#: The version that ships with the package: no file of the registry.
SHIPPED = 0
REGISTERED, PROMOTED, NOT_PROMOTED, REFUSED, ROLLED_BACK = (
    "registered", "promoted", "not promoted", "refused", "rolled back",
)  # fmt: skip
_CONSEQUENCE = "until then the models that ship are used"
_EXTRA = (".json", ".tflite")
_LIMITS = {"by": 120, "why": 500}


@dataclass(frozen=True)
class ModelVersion:
    """A registered model.

    Attributes:
        kind: one of :data:`KINDS`.
        version: 1 and up within its kind.
        sha256: digest of the model file.
        files: file name to digest.
        registered: ISO 8601 UTC.
        by: who registered it.
        why: their words.
        path: the model file.
    """

    kind: str
    version: int
    sha256: str
    files: dict[str, str]
    registered: str
    by: str
    why: str
    path: Path

    @property
    def card(self) -> dict[str, Any]:
        """What the card beside the model says."""
        return read_json(self.path.with_suffix(".json"))

    def checked(self) -> ModelVersion:
        """This version, its files found whole.

        Raises:
            CorruptStoreError: a file is absent or is not the one that was registered.
        """
        for name, sha in self.files.items():
            file = self.path.with_name(name)
            if not file.is_file() or digest_file(file) != sha:
                raise CorruptStoreError(
                    f"{file}: is not the file that was registered as {self.kind} version {self.version}. "
                    f"Restore it from a backup, or take the model back: oceanclean models rollback {self.kind}."
                )
        return self


@dataclass
class KindState:
    """What the log adds up to for one kind.

    Attributes:
        versions: by number.
        champion: version in use; 0 is what ships.
        challenger: version on trial, or None.
        previous: version that a rollback goes back to, or None.
    """

    versions: dict[int, ModelVersion] = field(default_factory=dict)
    champion: int = SHIPPED
    challenger: int | None = None
    previous: int | None = None

    def aliases_of(self, version: int) -> list[str]:
        """Aliases that name the version."""
        return [a for a in ALIASES if getattr(self, a) == version]


class Registry:
    """The registry of a work folder.

    Args:
        root: its folder, ``<work>/models``.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def of(cls, work: Path) -> Registry:
        """The registry of a work folder; it need not exist yet."""
        return cls(work / "models")

    @property
    def log(self) -> Path:
        """The audit log."""
        return self.root / "audit.jsonl"

    def events(self) -> list[dict[str, Any]]:
        """All lines of the log, oldest first.

        Raises:
            CorruptStoreError: the log was changed.
        """
        return chained_log.read(self.log, _CONSEQUENCE)

    def state(self) -> dict[str, KindState]:
        """State of each kind that has a line in the log.

        Raises:
            CorruptStoreError: the log was changed.
        """
        found: dict[str, KindState] = {}
        for event in self.events():
            self._apply(found.setdefault(event["kind"], KindState()), event)
        return found

    def _apply(self, state: KindState, event: Mapping[str, Any]) -> None:
        version, action = event["version"], event["action"]
        if action == REGISTERED:
            name = event["kind"] + KINDS[event["kind"]]
            state.versions[version] = ModelVersion(
                event["kind"], version, event["files"][name], event["files"], event["time"], event["by"], event["why"],
                self._folder(event["kind"], version) / name,
            )  # fmt: skip
            state.challenger = version
        elif action == PROMOTED:
            state.previous, state.champion = state.champion, version
            state.challenger = None if state.challenger == version else state.challenger
        elif action == REFUSED:
            state.challenger = None
        elif action == ROLLED_BACK:
            # the way back leads to an older model only: what was rolled back is not kept as a way forward
            state.champion, state.previous = version, None

    def _folder(self, kind: str, version: int) -> Path:
        return self.root / kind / f"v{version:04d}"

    def model(self, kind: str, alias: str = "champion") -> ModelVersion | None:
        """The version that an alias names, its files found whole; None where it names none or what ships.

        Raises:
            InputError: unknown kind.
            CorruptStoreError: log or files were changed.
        """
        _check_kind(kind)
        if not self.log.is_file():
            return None
        state = self.state().get(kind, KindState())
        number = getattr(state, alias)
        return None if number in (None, SHIPPED) else state.versions[number].checked()

    def register(self, kind: str, model: Path, *, by: str, why: str, time: str) -> ModelVersion:
        """Take a model in as the kind's challenger.

        Args:
            kind: one of :data:`KINDS`.
            model: the model file, or the folder that ``oceanclean train`` wrote it to.
            by: who registers it.
            why: what is different about it.
            time: ISO 8601 UTC.

        Raises:
            InputError: unknown kind, no name, no reason, or a card that names another file.
            MissingDataError: model or card is absent.
        """
        _check_kind(kind)
        source = model_file(kind, model)
        with self._held():
            state = self.state().get(kind, KindState())
            sha256 = digest_file(source)
            for known in state.versions.values():
                if known.sha256 == sha256 and known.files == _digests(kind, source):
                    raise InputError(source, "model", f"version {known.version} again", "a model not yet registered",
                                     "Promote the version that stands there.")  # fmt: skip
            version = max(state.versions, default=0) + 1
            with write_aside(self._folder(kind, version)) as aside:
                aside.mkdir(parents=True)
                for suffix in (KINDS[kind], *_EXTRA):
                    if source.with_suffix(suffix).is_file():
                        shutil.copy(source.with_suffix(suffix), aside / f"{kind}{suffix}")
            self._record(kind, REGISTERED, version, by, why, time, files=_digests(kind, source), source=source.name)
            return self.state()[kind].versions[version]

    def promote(
        self, kind: str, evidence: Evidence, *, by: str, why: str, time: str, version: int | None = None
    ) -> ModelVersion:
        """Make a version champion on evidence; the champion before becomes ``previous``.

        Raises:
            RefusedError: it does not win; the figures are in the message and in the log.
            InputError: no such version, or it is champion already.
        """
        with self._held():
            found = self._wanted(kind, version)
            action = PROMOTED if evidence.wins else NOT_PROMOTED
            against = self.state()[kind].champion
            self._record(kind, action, found.version, by, why, time, against=against, evidence=evidence.to_json())
        if not evidence.wins:
            raise RefusedError(
                f"{kind} version {found.version} stays challenger. {evidence.sentence} Rests on {evidence.rests_on}."
            )
        return found

    def wanted(self, kind: str, version: int | None = None) -> ModelVersion:
        """The version that would be promoted: the one named, else the challenger, its files found whole.

        Raises:
            InputError: no such version, no challenger, or it is champion already.
        """
        return self._wanted(kind, version)

    def refuse(self, kind: str, *, by: str, why: str, time: str) -> int:
        """Take the challenger off trial.

        Raises:
            InputError: there is none.
        """
        with self._held():
            version = self._wanted(kind, None).version
            self._record(kind, REFUSED, version, by, why, time)
        return version

    def rollback(self, kind: str, *, by: str, why: str, time: str) -> int:
        """Go back to the champion before; 0 is what ships.

        Raises:
            InputError: nothing to go back to.
        """
        _check_kind(kind)
        with self._held():
            state = self.state().get(kind, KindState())
            if state.previous is None:
                raise InputError(self.log, "previous", f"no {kind} before the champion", "a promotion to take back",
                                 "See oceanclean models list.")  # fmt: skip
            if state.previous != SHIPPED:
                state.versions[state.previous].checked()
            self._record(kind, ROLLED_BACK, state.previous, by, why, time, left=state.champion)
            return state.previous

    def _wanted(self, kind: str, version: int | None) -> ModelVersion:
        _check_kind(kind)
        state = self.state().get(kind, KindState())
        number = state.challenger if version is None else version
        if number is None or number not in state.versions:
            raise InputError(self.log, "version", "no challenger" if number is None else number,
                             f"a registered {kind}: {sorted(state.versions) or 'there is none'}",
                             f"Register one: oceanclean models register {kind} PATH.")  # fmt: skip
        if number == state.champion:
            raise InputError(
                self.log, "version", f"{number}, the champion", "another version", "Nothing is to be done."
            )
        return state.versions[number].checked()

    def _held(self) -> Any:
        return lock(self.root / ".lock", "The registry of models", wait_s=30)

    def _record(self, kind: str, action: str, version: int, by: str, why: str, time: str, **more: Any) -> None:
        for name, text in (("by", by), ("why", why)):
            if not text.strip() or len(text) > _LIMITS[name]:
                raise InputError("command line", f"--{name}", f"{len(text.strip())} characters",
                                 f"1 to {_LIMITS[name]} characters", "Say who decides and why.")  # fmt: skip
        record = {"time": time, "action": action, "kind": kind, "version": version, "by": by.strip(),
                  "why": why.strip(), **more}  # fmt: skip
        chained_log.append(self.log, record, _CONSEQUENCE)

    def listing(self) -> list[dict[str, Any]]:
        """One row a version, what ships first, for people and JSON."""
        rows = []
        for kind, state in sorted(self.state().items()):
            rows.append({"kind": kind, "version": SHIPPED, "aliases": state.aliases_of(SHIPPED), "sha256": "",
                         "registered": "", "by": "", "why": "what ships with the package"})  # fmt: skip
            for version in state.versions.values():
                row = {k: v for k, v in asdict(version).items() if k not in ("files", "path")}
                rows.append({**row, "aliases": state.aliases_of(version.version)})
        return rows


def model_file(kind: str, model: Path) -> Path:
    """The model file of a path, with its card found beside it and found to be its own.

    Raises:
        MissingDataError: model or card is absent.
        InputError: the card names the digest of another file.
    """
    suffix = KINDS[kind]
    path = model / f"{kind}{suffix}" if model.is_dir() else model
    for needed in (path, path.with_suffix(".json")):
        if not needed.is_file() or path.suffix != suffix:
            raise MissingDataError(needed, "model", "no such file", f"a {suffix} file with its .json card beside it",
                                   f"Train one: oceanclean train {kind}.")  # fmt: skip
    card = read_json(path.with_suffix(".json"))
    if "sha256" in card and card["sha256"] != digest_file(path):
        raise InputError(path, "sha256", str(card["sha256"])[:12], "the digest of the model file",
                         "Take model and card from the same training.")  # fmt: skip
    return path


def _digests(kind: str, source: Path) -> dict[str, str]:
    present = [s for s in (KINDS[kind], *_EXTRA) if source.with_suffix(s).is_file()]
    return {f"{kind}{s}": digest_file(source.with_suffix(s)) for s in present}


def _check_kind(kind: str) -> None:
    if not re.fullmatch(r"[a-z-]+", kind) or kind not in KINDS:
        raise InputError("command line", "kind", repr(kind), f"one of {', '.join(KINDS)}", "Correct it.")


def arm_of(kind: str, region: str, day: str, share: float, salt: str) -> str:
    """``challenger`` on a share of region-days, else ``champion``; drawn by digest: a replayed day draws the same.

    Args:
        kind: of the model.
        region: name.
        day: issue time or date, the same for the whole run.
        share: 0 to 1.
        salt: another salt draws other days.
    """
    drawn = int(digest_record([salt, kind, region, day])[:12], 16) / 16**12
    return "challenger" if drawn < share else "champion"
