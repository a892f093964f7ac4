"""Many seeds and planners of one scenario: in this process, in several, or on a Dask cluster; a cut run goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oceanclean import __version__
from oceanclean.errors import InputError, OceancleanError
from oceanclean.store import read_json, write_json
from oceanclean.twin.season.earlier import FOLDER as EARLIER
from oceanclean.twin.season.earlier import write_earlier
from oceanclean.twin.season.loop import WAYS, Season
from oceanclean.twin.season.scenario import Scenario
from oceanclean.twin.season.sea import make_sea

if TYPE_CHECKING:
    from distributed import Client

RECORD = "season.json"
#: Scenario as it stands, without any what-if.
AS_IT_IS = ""
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Job:
    """One planner in one sea; small and picklable, so that it can travel to another machine that shares the folder.

    Attributes:
        scenario: values of a :class:`Scenario`.
        planner: key of :data:`~oceanclean.twin.season.loop.WAYS`; "" only makes the sea, ``earlier`` the archive.
        seed: of the sea.
        days: of the season.
        folder: of the seed.
        name: of the planner's folder.
        config: the project's configuration.
    """

    scenario: dict[str, Any]
    planner: str
    seed: int
    days: int
    folder: str
    name: str = ""
    config: str = ""


def do(job: Job) -> str:
    """Run one job; finished days are not done again."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    config = Path(job.config) if job.config else None
    with threadpool_limits(1):  # small matrices: a second thread only costs
        folder = Path(job.folder)
        scenario = Scenario.model_validate(job.scenario)
        if job.planner == EARLIER:
            write_earlier(scenario, folder, config)
            return "earlier seasons"
        sea = make_sea(scenario, job.seed, job.days, folder / "truth", config)
        if job.planner:
            Season(job.planner, sea, folder / job.name, folder, config).run(job.days)
    return f"seed {job.seed} {job.name or 'sea'}"


def run_seasons(
    scenario: Scenario, out: Path, *, days: int, seeds: Sequence[int], planners: Sequence[str] = tuple(WAYS),
    variants: Sequence[str] = (), workers: int = 1, address: str = "", config: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Run planners through seasons.

    Args:
        scenario: what sea, fleet and sky.
        out: folder of the run; one that was cut, or has fewer seeds or planners, is gone on with.
        days: of a season.
        seeds: of the seas.
        planners: ways of planning.
        variants: what-ifs of the scenario, each with the chain; none by default.
        workers: processes side by side where no address is given.
        address: of a Dask scheduler whose workers share the folder.
        config: the project's configuration.
        progress: called with what was finished and the share done.

    Returns:
        The run's record: ``scenario``, ``days``, ``seeds``, ``planners``, ``variants``.

    Raises:
        InputError: an unknown planner or what-if, or a folder of another scenario or length.
        OceancleanError: what a planner's chain raised.
    """
    _known("planner", planners, WAYS)
    _known("what-if", variants, scenario.what_if)
    record = _opened(scenario, out, days, seeds, planners, variants, config)
    say = progress or (lambda _what, _share: None)
    jobs = _jobs(scenario, out, days, seeds, planners, variants, config)
    seas = [Job(j.scenario, "", j.seed, days, j.folder, "", j.config) for j in _one_a_folder(jobs)]
    wanted = any(WAYS[j.planner].chain for j in jobs)
    before = [Job(jobs[0].scenario, EARLIER, 0, days, str(out), "", jobs[0].config)] if wanted else []
    for finished, done in enumerate(_results((before, seas, jobs), workers, address), start=1):
        say(done, finished / (len(before) + len(seas) + len(jobs)))
    return record


def _known(what: str, asked: Sequence[str], there: Mapping[str, Any]) -> None:
    for name in asked:
        if name not in there:
            raise InputError("season", what, repr(name), f"some of {sorted(there)}", "Correct the name.")


def _jobs(
    scenario: Scenario, out: Path, days: int, seeds: Sequence[int], planners: Sequence[str], variants: Sequence[str],
    config: Path | None,
) -> list[Job]:  # fmt: skip
    """A job for each seed and planner, and for each seed and what-if."""
    plain, where = scenario.model_dump(mode="json"), str(config or "")
    jobs = []
    for seed in seeds:
        folder = str(out / f"seed-{seed:04d}")
        jobs += [Job(plain, name, seed, days, folder, name, where) for name in planners]
        for name in variants:
            changed = scenario.with_changes(scenario.what_if[name].changes).model_dump(mode="json")
            jobs.append(Job(changed, "chain", seed, days, folder, f"what-if-{name}", where))
    return jobs


def _one_a_folder(jobs: Sequence[Job]) -> list[Job]:
    return list({job.folder: job for job in reversed(jobs)}.values())


def _results(batches: Sequence[Sequence[Job]], workers: int, address: str) -> Iterator[str]:
    """What each job says when it is finished, batch after batch, in a batch in the order of finishing."""
    if not address and workers <= 1:
        for batch in batches:
            yield from (do(job) for job in batch)
        return
    with _client(workers, address) as client:
        from distributed import as_completed

        for batch in batches:
            for future in as_completed(client.map(do, list(batch), pure=False)):
                yield future.result()


@contextmanager
def _client(workers: int, address: str) -> Iterator[Client]:
    """A client of the cluster at an address, or of one of this machine's processes.

    Raises:
        OceancleanError: Dask's scheduler is not installed, or nothing answers at the address.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise OceancleanError("Several workers need Dask. Install it: pip install 'oceanclean[dask]'.") from error
    if address:
        try:
            client = Client(address, timeout="20s")
        except OSError as error:
            raise OceancleanError(f"No Dask scheduler answers at {address}. Start one, or leave out --dask.") from error
        with client:
            yield client
        return
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None,
                     silence_logs=logging.ERROR) as cluster,
        Client(cluster) as client,
    ):  # fmt: skip
        yield client


def _opened(
    scenario: Scenario, out: Path, days: int, seeds: Sequence[int], planners: Sequence[str], variants: Sequence[str],
    config: Path | None,
) -> dict[str, Any]:  # fmt: skip
    """The record of the run, with what is added now; written."""
    record: dict[str, Any] = {
        "scenario": scenario.model_dump(mode="json"), "digest": scenario.digest(config), "days": days,
        "seeds": sorted(seeds), "planners": list(planners), "variants": list(variants), "version": __version__,
    }  # fmt: skip
    if (out / RECORD).is_file():
        before = read_json(out / RECORD)
        for key, said in (("digest", "the same scenario and settings"), ("days", f"{days} days")):
            if before[key] != record[key]:
                raise InputError(out / RECORD, key, before[key], said,
                                 "Name another folder with --out, or remove this one.")  # fmt: skip
        record["seeds"] = sorted({*before["seeds"], *seeds})
        for key in ("planners", "variants"):
            record[key] = list(dict.fromkeys([*before[key], *record[key]]))
    write_json(out / RECORD, record)
    return record
