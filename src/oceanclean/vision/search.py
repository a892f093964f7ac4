"""Search for training settings with Optuna: scenes left out by groups, poor trials stopped early, resumable.

A search looks at the scenes it is scored on, so its best figure flatters; score the settings that it leaves on scenes
of their own.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.errors import InputError, MissingDataError
from oceanclean.products.names import CLASS_ID
from oceanclean.store import digest_record, write_aside
from oceanclean.vision.calibration import softmax
from oceanclean.vision.metrics import average_precision, confusion, scores
from oceanclean.vision.training import TrainingSettings, fit_pixel_model, predict_pixels

if TYPE_CHECKING:
    import optuna
    from numpy.typing import NDArray

    from oceanclean.vision.pixels import PixelSet

Progress = Callable[[str, float], None]
_DEBRIS = CLASS_ID["marine_debris"]
#: Groups of scenes of a trial: each is left out once.
GROUPS = 3


def search_settings(
    data_dirs: Path | Iterable[Path],
    out_dir: Path,
    trials: int,
    settings: TrainingSettings | None = None,
    progress: Progress | None = None,
) -> Path:
    """Try settings and keep the best: ``segmenter_training.yaml`` in ``out_dir``, beside the study's database.

    Args:
        data_dirs: folders laid out like MARIDA.
        out_dir: where the study (``search.db``), its pixels and the best settings go; a search that was stopped goes
            on there, and one of other data or other fixed settings begins anew under a name of its own.
        trials: how many in all, those of earlier calls included.
        settings: what is not searched.
        progress: called with (what, share done).

    Returns:
        Path of the YAML, ready for ``config/models/``.

    Raises:
        MissingDataError: Optuna is not installed.
        InputError: fewer scenes than groups, or no trial was finished.
    """
    if importlib.util.find_spec("optuna") is None:
        raise MissingDataError("search", "optuna", "not installed", "the extra `search`",
                               "pip install 'oceanclean[search]'.")  # fmt: skip
    import optuna

    from oceanclean.vision.data import find_patches
    from oceanclean.vision.folds import Folds

    base = settings or TrainingSettings()
    folds = Folds(find_patches(data_dirs), Path(out_dir), base)
    if len(folds.scenes) < GROUPS:
        raise InputError("search", "scenes", len(folds.scenes), f"at least {GROUPS}", "Give more scenes.")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name=digest_record([base.to_json(), folds.scenes])[:16], storage=f"sqlite:///{Path(out_dir)}/search.db",
        direction="maximize", load_if_exists=True, sampler=optuna.samplers.TPESampler(seed=base.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=0),
    )  # fmt: skip
    pixels = folds.pixels()
    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    done = len(study.get_trials(deepcopy=False, states=ended))
    for number in range(done, trials):
        study.optimize(lambda trial: trial_score(trial, pixels, base), n_trials=1)
        if progress is not None:
            progress(f"trial {number + 1}", (number + 1) / trials)
    if not study.get_trials(states=(optuna.trial.TrialState.COMPLETE,)):
        raise InputError("search", "trials", trials, "at least one that is finished", "Ask for more trials.")
    return _write(varied(base, study.best_params), study.best_value, Path(out_dir) / "segmenter_training.yaml")


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """What a trial varies, by name of :class:`TrainingSettings`."""
    return {
        "dropout": trial.suggest_float("dropout", 0.0, 0.4),
        "learning_rate": trial.suggest_float("learning_rate", 5e-4, 1e-2, log=True),
        "weight_decay": trial.suggest_float("weight_decay", 1e-4, 1e-1, log=True),
        "class_power": trial.suggest_float("class_power", 0.0, 0.75),
        "scene_power": trial.suggest_float("scene_power", 0.0, 1.0),
        "unlabelled_weight": trial.suggest_float("unlabelled_weight", 0.1, 3.0, log=True),
        "teacher_share": trial.suggest_float("teacher_share", 0.0, 1.0),
    }


def varied(base: TrainingSettings, values: dict[str, Any]) -> TrainingSettings:
    """The settings with a trial's values."""
    return base.model_copy(update=values)


def trial_score(trial: optuna.Trial, pixels: PixelSet, base: TrainingSettings) -> float:
    """Mean of debris' average precision and the mean IoU of the scenes left out, reported group by group."""
    import optuna

    settings = varied(base, suggest(trial))
    scenes = np.random.default_rng(base.seed).permutation(len(pixels.scenes))
    found: list[float] = []
    for step, group in enumerate(np.array_split(scenes, GROUPS)):
        network = fit_pixel_model(pixels, np.setdiff1d(scenes, group), settings)
        found.append(_group_score(network, pixels, group))
        trial.report(float(np.mean(found)), step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return float(np.mean(found))


def _group_score(network: Any, pixels: PixelSet, group: NDArray[np.intp]) -> float:
    rows = np.flatnonzero(np.isin(pixels.scene, group) & (pixels.label > 0))
    probability, label = softmax(predict_pixels(network, pixels, rows)), pixels.label[rows]
    figures = [scores(confusion(label, (probability.argmax(axis=1) + 1).astype(np.uint8)))["miou"]]
    if (label == _DEBRIS).any():
        figures.append(average_precision(label == _DEBRIS, probability[:, _DEBRIS - 1]))
    return float(np.mean(figures))


def _write(settings: TrainingSettings, value: float, path: Path) -> Path:
    import yaml

    head = (
        "# Found by `oceanclean train segmenter --search`: mean of debris' average precision and mean IoU on\n"
        f"# groups of scenes left out {value:.4f}, which flatters, since the search looked at them.\n"
    )
    with write_aside(path) as aside:
        aside.write_text(head + yaml.safe_dump(settings.to_json(), sort_keys=False), encoding="utf-8")
    return path
