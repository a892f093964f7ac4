"""The platform holds: import cost, and packages that are known to crash together do not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOLVE_CP_SAT = """
from ortools.sat.python import cp_model
model = cp_model.CpModel()
x = [model.new_bool_var(str(i)) for i in range(50)]
model.add(sum((7 * i) % 11 * v for i, v in enumerate(x)) <= 60)
model.maximize(sum((3 * i) % 17 * v for i, v in enumerate(x)))
solver = cp_model.CpSolver()
solver.parameters.num_workers = 4
assert solver.solve(model) == cp_model.OPTIMAL
"""
SOLVE_ROUTING = """
from ortools.constraint_solver import pywrapcp, routing_enums_pb2
manager = pywrapcp.RoutingIndexManager(30, 3, 0)
routing = pywrapcp.RoutingModel(manager)
matrix = [[abs(a - b) * 7 % 23 + (a != b) for b in range(30)] for a in range(30)]
transit = routing.RegisterTransitMatrix(matrix)
routing.SetArcCostEvaluatorOfAllVehicles(transit)
search = pywrapcp.DefaultRoutingSearchParameters()
search.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.PATH_CHEAPEST_ARC
assert routing.SolveWithParameters(search) is not None
"""
USE_TENSORFLOW = """
import tensorflow as tf
assert float(tf.reduce_sum(tf.linalg.matmul(tf.ones((64, 64)), tf.ones((64, 64))))) == 64.0**3
"""


def _python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.parametrize("solve", [SOLVE_CP_SAT, SOLVE_ROUTING], ids=["cp-sat", "routing"])
@pytest.mark.parametrize("first", ["tensorflow", "ortools"])
def test_tensorflow_and_ortools_share_a_process(solve: str, first: str) -> None:
    """A model is solved and TensorFlow computes in one process, whichever is imported first."""
    order = [USE_TENSORFLOW, solve] if first == "tensorflow" else [solve, USE_TENSORFLOW, solve]
    done = _python("\n".join(order))
    assert done.returncode == 0, done.stderr[-2000:]


_SCHEDULE = """
import asyncio
import prefect.server.api.server
from prefect.server import models, schemas
from prefect.server.database import provide_database_interface
from prefect.server.services.scheduler import schedule_deployments

async def main():
    db = provide_database_interface()
    await db.create_db()
    hourly = schemas.core.DeploymentSchedule(
        schedule=schemas.schedules.CronSchedule(cron="35 * * * *", timezone="UTC"), active=True)
    async with db.session_context(begin_transaction=True) as session:
        flow = await models.flows.create_flow(session, schemas.core.Flow(name="f"))
        await models.deployments.create_deployment(
            session, schemas.core.Deployment(name="d", flow_id=flow.id, schedules=[hourly]))
    await schedule_deployments()
    async with db.session_context() as session:
        assert await models.flow_runs.count_flow_runs(session) > 0

asyncio.run(main())
"""


def test_the_orchestrators_server_imports_and_its_schedules_make_runs(tmp_path: Path) -> None:
    """Newer companions of Prefect break its server alone, while ``import prefect`` still works.

    A FastAPI too new keeps it from importing; an SQLAlchemy too new breaks its scheduler, so that no plan ever starts.
    """
    environment = {**os.environ, "PREFECT_HOME": str(tmp_path),
                   "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{tmp_path}/server.db"}  # fmt: skip
    done = subprocess.run([sys.executable, "-c", _SCHEDULE], env=environment, capture_output=True, text=True,
                          timeout=250, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def test_importing_oceanclean_is_cheap_and_loads_nothing_heavy() -> None:
    """``import oceanclean`` pulls in no heavy library, and neither does the command line's help."""
    heavy = "{'tensorflow', 'keras', 'ortools', 'prefect', 'sklearn', 'xarray', 'geopandas', 'matplotlib', 'numba'}"
    done = _python(
        "import sys, time; t = time.perf_counter(); import oceanclean; spent = time.perf_counter() - t\n"
        f"assert spent < 0.3, spent\n"
        "import oceanclean.cli.app\n"
        f"assert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)"
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize(
    "room",
    ["chain", "sources", "vision", "density", "drift", "allocation", "planning", "twin"],
)
def test_importing_a_room_loads_neither_tensorflow_nor_prefect(room: str) -> None:
    """A room loads its heavy libraries when they are used, not when it is imported; no room knows Prefect."""
    heavy = "{'tensorflow', 'keras', 'ortools', 'prefect'}"
    done = _python(f"import sys, oceanclean.{room}; assert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)")
    assert done.returncode == 0, done.stderr[-2000:]
