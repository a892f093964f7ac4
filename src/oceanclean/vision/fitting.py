"""The training loop of every network of the litter-vision models: resumable, averaged weights, best epoch kept.

A run can be killed at any moment and started again: after each epoch weights, optimiser, averages and history are
written aside and renamed, and the random numbers of an epoch depend on seed and epoch alone, so that a run that was
cut ends with the same weights as one that was not (to the rounding of the backend).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from oceanclean.errors import InputError
from oceanclean.settings import Settings
from oceanclean.store import digest_record, write_aside

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

#: Batches of one epoch: (x, y) or (x, y, sample_weight), as ``train_on_batch`` takes them.
Batches = Callable[[int, np.random.Generator], Iterable[tuple[Any, ...]]]
Validate = Callable[["keras.Model"], Mapping[str, float]]
#: Called with what is being done and the share done (0 to 1).
Progress = Callable[[str, float], None]

_STATE = "state.npz"


class FitSettings(Settings):
    """How a network is trained.

    Attributes:
        epochs: passes; an epoch is ``steps`` optimiser steps.
        steps: optimiser steps of an epoch, from which the schedule is made; batches beyond are not asked for.
        batch: examples a step, for whoever makes the batches.
        learning_rate: peak of the schedule (linear warm-up, then cosine to 1 % of it).
        warmup: share of all steps spent warming up.
        weight_decay: AdamW's; not applied to biases, scales and offsets.
        clip: largest norm of a step's gradient.
        ema: momentum of the averaged weights that are validated and kept; 0 keeps the raw ones.
        patience: epochs without a better figure after which training ends; 0 never ends early.
        seed: of batches, dropout and initial weights.
    """

    epochs: int = Field(default=30, ge=1, le=10_000)
    steps: int = Field(default=100, ge=1)
    batch: int = Field(default=16, ge=1, le=4096)
    learning_rate: float = Field(default=2e-3, gt=0)
    warmup: float = Field(default=0.05, ge=0, lt=1)
    weight_decay: float = Field(default=1e-2, ge=0)
    clip: float = Field(default=5.0, gt=0)
    ema: float = Field(default=0.99, ge=0, lt=1)
    patience: int = Field(default=0, ge=0)
    seed: int = Field(default=20240101, ge=0)


@dataclass
class FitResult:
    """What a training run came to.

    Attributes:
        best_epoch: epoch (from 1) whose averaged weights the model holds.
        best: its figure.
        history: one record an epoch: ``epoch``, ``loss``, ``seconds`` and what ``validate`` gave.
    """

    best_epoch: int = 0
    best: float = -np.inf
    history: list[dict[str, float]] = field(default_factory=list)


def fit(
    model: keras.Model,
    loss: Any,
    batches: Batches,
    settings: FitSettings,
    folder: Path,
    *,
    validate: Validate | None = None,
    monitor: str = "",
    identity: object = None,
    progress: Progress | None = None,
    after_step: Callable[[keras.Model, int], None] | None = None,
) -> FitResult:
    """Train a model, or go on where an earlier call in the same folder was cut.

    Args:
        model: the network; on return it holds the best averaged weights and is compiled.
        loss: as ``keras.Model.compile`` takes it.
        batches: ``batches(epoch, rng)`` gives the batches of an epoch (from 1); the generator depends on seed and
            epoch alone.
        settings: how.
        folder: where the run's state is kept; a state of another identity is dropped.
        validate: scores the model, which holds averaged weights meanwhile; without it the last epoch is kept.
        monitor: key of ``validate``'s record to be maximised.
        identity: plain values that name data and settings of the caller.
        progress: told after every epoch.
        after_step: called after each optimiser step with (model, step from 1 over all epochs).

    Returns:
        Best epoch, its figure and the history.

    Raises:
        InputError: ``validate`` does not give ``monitor``, or the loss is no longer finite.
    """
    import keras

    keras.utils.set_random_seed(settings.seed)
    # TensorFlow's XLA on a CPU takes twice as long to compile as it takes without, and its steps are slower.
    model.compile(
        _optimizer(settings, model), loss, jit_compile=False if keras.backend.backend() == "tensorflow" else "auto"
    )
    run = _Run(model, settings, folder / _STATE, digest_record([settings.model_dump(mode="json"), identity,
                                                                [list(w.shape) for w in model.weights]]))  # fmt: skip
    result = run.resume()
    for epoch in range(len(result.history) + 1, settings.epochs + 1):
        if settings.patience and epoch - result.best_epoch > settings.patience and result.best_epoch:
            break
        start = time.monotonic()
        value = run.epoch(epoch, batches, after_step)
        record = {"epoch": float(epoch), "loss": value, "seconds": round(time.monotonic() - start, 1)}
        with run.averaged():
            record |= {k: float(v) for k, v in (validate(model) if validate else {}).items()}
            figure = _figure(record, monitor) if validate else float(epoch)
            if figure > result.best or not result.best_epoch:
                result.best_epoch, result.best = epoch, figure
                run.best = model.get_weights()
        result.history.append(record)
        run.save(result)
        if progress is not None:
            shown = "" if not validate else f" {monitor} {record[monitor]:.3f}"
            progress(f"epoch {epoch} loss {value:.3f}{shown}", epoch / settings.epochs)
    model.set_weights(run.best)
    return result


def _optimizer(settings: FitSettings, model: keras.Model) -> keras.Optimizer:
    import keras

    total = settings.epochs * settings.steps
    warm = max(1, int(settings.warmup * total))
    schedule = keras.optimizers.schedules.CosineDecay(
        settings.learning_rate / 100, max(1, total - warm), alpha=0.01,
        warmup_target=settings.learning_rate, warmup_steps=warm,
    )  # fmt: skip
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=settings.weight_decay, global_clipnorm=settings.clip, beta_2=0.99
    )
    # Biases and the scales and offsets of normalisations have one dimension.
    optimizer.exclude_from_weight_decay(var_list=[v for v in model.trainable_variables if len(v.shape) < 2])
    return optimizer


def _figure(record: Mapping[str, float], monitor: str) -> float:
    if monitor not in record:
        raise InputError("training", "monitor", monitor, f"one of {sorted(record)}", "Name a figure of the validation.")
    return float(record[monitor])


class _Run:
    """State of a run: the model, its averaged weights, and the file that both are kept in."""

    def __init__(self, model: keras.Model, settings: FitSettings, path: Path, key: str) -> None:
        self.model, self.settings, self.path, self.key = model, settings, path, key
        self.average = [v.value for v in model.trainable_variables]
        self.step = 0
        self.best: list[NDArray[Any]] = model.get_weights()

    def epoch(self, epoch: int, batches: Batches, after_step: Callable[[keras.Model, int], None] | None) -> float:
        """Train one epoch; returns the mean loss."""
        import keras

        rng = np.random.default_rng([self.settings.seed, epoch])
        keras.utils.set_random_seed(self.settings.seed + epoch)
        losses = []
        for batch, _ in zip(batches(epoch, rng), range(self.settings.steps), strict=False):
            losses.append(self.model.train_on_batch(*batch))
            self.step += 1
            if after_step is not None:
                after_step(self.model, self.step)
            self._update_average()
        mean = float(np.mean([float(np.ravel(x)[0]) for x in losses])) if losses else np.nan
        if not np.isfinite(mean):
            raise InputError("training", "loss", mean, "a finite number", f"It broke in epoch {epoch}: give batches, "
                             "check the data for NaN, or lower learning_rate.")  # fmt: skip
        return mean

    def _update_average(self) -> None:
        # Early on the average follows fast, so that the first weights do not linger.
        momentum = min(self.settings.ema, (1 + self.step) / (10 + self.step))
        self.average = [
            momentum * a + (1 - momentum) * v.value
            for a, v in zip(self.average, self.model.trainable_variables, strict=True)
        ]

    def averaged(self) -> _Averaged:
        """The model with averaged weights, for a block."""
        return _Averaged(self)

    def save(self, result: FitResult) -> None:
        """Write everything that a later call needs to go on."""
        assert self.model.optimizer is not None  # noqa: S101  (fit compiled the model)
        keys = sorted(set().union(*result.history))
        table = np.array([[h.get(k, np.nan) for k in keys] for h in result.history])
        arrays: dict[str, Any] = {"key": self.key, "step": self.step, "best_epoch": result.best_epoch,
                                  "best_figure": result.best, "columns": np.array(keys), "history": table}  # fmt: skip
        parts = {
            "weight": self.model.get_weights(),
            "optimizer": _arrays(self.model.optimizer.variables),
            "average": _arrays(self.average),
            "best": self.best,
        }
        arrays |= {f"{name}_{i}": a for name, values in parts.items() for i, a in enumerate(values)}
        with write_aside(self.path) as aside, aside.open("wb") as file:
            np.savez(file, **arrays)

    def resume(self) -> FitResult:
        """Take up the state in the folder, if it is of the same identity."""
        import keras

        result = FitResult()
        optimizer = self.model.optimizer
        assert optimizer is not None  # noqa: S101  (fit compiled the model)
        optimizer.build(self.model.trainable_variables)
        if not self.path.is_file():
            return result
        with np.load(self.path, allow_pickle=False) as state:
            if str(state["key"]) != self.key:
                return result
            self.model.set_weights(_series(state, "weight"))
            for variable, value in zip(optimizer.variables, _series(state, "optimizer"), strict=True):
                variable.assign(value)
            self.average = [keras.ops.convert_to_tensor(a) for a in _series(state, "average")]
            self.best, self.step = _series(state, "best"), int(state["step"])
            result.best_epoch, result.best = int(state["best_epoch"]), float(state["best_figure"])
            columns = [str(c) for c in state["columns"]]
            result.history = [
                {k: float(v) for k, v in zip(columns, row, strict=True) if np.isfinite(v)} for row in state["history"]
            ]
        return result


def _arrays(tensors: Iterable[Any]) -> list[NDArray[Any]]:
    """Copies of tensors or variables of any backend."""
    import keras

    return [keras.ops.convert_to_numpy(t) for t in tensors]


def _series(state: Any, name: str) -> list[NDArray[Any]]:
    count = sum(1 for k in state.files if k.rpartition("_")[0] == name and k.rpartition("_")[2].isdigit())
    return [state[f"{name}_{i}"] for i in range(count)]


class _Averaged:
    """Puts the averaged weights into the model for a block, then the raw ones back."""

    def __init__(self, run: _Run) -> None:
        self.run = run

    def __enter__(self) -> None:
        variables = self.run.model.trainable_variables
        self.raw = _arrays(variables)
        if self.run.settings.ema:
            for variable, value in zip(variables, self.run.average, strict=True):
                variable.assign(value)

    def __exit__(self, *_: object) -> None:
        for variable, value in zip(self.run.model.trainable_variables, self.raw, strict=True):
            variable.assign(value)
