"""The zoo on litter masks: float, pruned, INT8 and distilled, each scored on groups of images never trained on.

``python -m benchmarks.litter_nets --data DIR [--out DIR] [--minutes M]`` trains what ``--out`` does not hold yet and
prints the tables of what it holds. A run that ends, or is killed, goes on where it stood. ``DIR`` holds ``aquatrash``,
``semantic_drone80`` and ``marida``; what is absent is left out.

Protocol: one split by groups a set (consecutive photos, scenes), the same for every network, with the same steps,
crops and seed; nothing is chosen on the test part. *Pruned* (half of the kernels' weights) and *distilled* (teacher:
the mean of four float networks of the set) both go on from the float weights. INT8 is the float network, calibrated on
32 training images. Times are CPU time of one
whole image (192 × 192 for photos, else 256 × 256) in LiteRT, one thread.
"""

from __future__ import annotations

import argparse
import gzip
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from oceanclean.store import read_json, write_json
from oceanclean.vision.compression import LiteModel, Pruning, convert_many, distilled, sparsity
from oceanclean.vision.compression.pruning import PruningSettings
from oceanclean.vision.fitting import FitSettings, fit
from oceanclean.vision.litter.data import read_mask_sets, split_groups
from oceanclean.vision.litter.evaluation import score_set, summarise
from oceanclean.vision.litter.segmenter import prepare
from oceanclean.vision.litter.settings import LitterSettings, ScaleSettings
from oceanclean.vision.litter.training import LoadedSet, crops, fit_segmenter, segmentation_loss

#: Width of each network: 0.3 to 3.3 million parameters, all far below 10 MB as INT8.
WIDTHS = {"unet": 0.25, "enet": 1.0, "icnet": 0.5, "bisenet": 0.5, "litternet": 0.5, "linknet": 0.5,
          "deeplabv3plus": 0.5, "unetpp": 0.25, "bisenetv2": 0.5}  # fmt: skip
#: Folders, in the order of work: networks, and parts of the split of which one is the test.
SETS = {
    "aquatrash": (
        ("icnet", "unet", "bisenet", "enet", "litternet", "bisenetv2", "linknet", "deeplabv3plus", "unetpp"),
        3,
    ),
    "semantic_drone80": (("litternet", "unet", "deeplabv3plus", "linknet", "unetpp"), 4),
    "marida": (("icnet", "unet", "bisenet", "enet", "litternet"), 3),
}
#: Smaller than the product's, so that a core gets through all of it; MARIDA's patches keep their own size.
SCALES = {
    "litter": ScaleSettings(side=192, crop=96),
    "drone": ScaleSettings(side=256, crop=96, zoom=(0.6, 1.4), focus=0.5),
    "marida": ScaleSettings(side=256, crop=64, zoom=(0.9, 1.12), focus=0.9),
}
#: The networks whose mean teaches.
TEACHERS = ("enet", "icnet", "bisenet", "unet")
FURTHER = {"pruned": 60, "distilled": 80}
VARIANTS = ("float", "pruned", "int8", "distilled")


@dataclass
class Bench:
    """One set on disk, its split, and where its results go."""

    name: str
    folder: Path
    out: Path
    steps: int
    seed: int = 0

    def __post_init__(self) -> None:
        data = read_mask_sets(self.folder)
        self.test_index = split_groups(
            [i.group for i in data.images], SETS[self.name][1], np.random.default_rng(self.seed)
        )[0]
        rest = np.setdiff1d(np.arange(len(data.images)), self.test_index)
        self.train, self.test = LoadedSet.of(data.part(rest)), LoadedSet.of(data.part(self.test_index))

    def settings(self, network: str, steps: int, rate: float = 3e-3) -> LitterSettings:
        """Settings of a run; an epoch is 20 steps, after which the state is kept."""
        loop = FitSettings(epochs=max(steps // 20, 1), steps=20, batch=8, learning_rate=rate, ema=0.98)
        return LitterSettings(network=network, width=WIDTHS[network], fit=loop, scales=SCALES)

    def path(self, network: str, variant: str, suffix: str = ".json") -> Path:
        """File of a result."""
        return self.out / self.name / f"{network}_{variant}{suffix}"

    def missing(self, network: str, variant: str) -> bool:
        """Whether a cell of the table is still to be made."""
        return not self.path(network, variant).exists()

    def record(self, network: str, variant: str, predict, facts: dict) -> None:
        """Score on the test part and keep the figures."""
        side = self.settings(network, 20).scales[self.test.data.kind].side
        start = time.process_time()
        parts = score_set(self.test, predict, side, self.train.mean)
        facts |= {"scoring_s": round(time.process_time() - start, 1)}
        write_json(self.path(network, variant), {**summarise(parts, self.test.data), **facts})

    def model(self, network: str, variant: str = "float"):
        """A kept network."""
        import keras

        import oceanclean.vision.nets  # noqa: F401  (registers the layers)

        return keras.saving.load_model(self.path(network, variant, ".keras"), compile=False)

    def tiles(self, count: int = 32) -> np.ndarray:
        """Training images as whole tiles, for calibration."""
        side = self.settings("enet", 20).scales[self.train.data.kind].side
        return np.stack(
            [
                prepare(i, side, self.train.mean)[0]
                for i in self.train.images[:: max(1, len(self.train.images) // count)]
            ][:count]
        )


def run_float(bench: Bench, network: str) -> None:
    """Train from random weights, and score."""
    start = time.process_time()
    settings = bench.settings(network, bench.steps)
    folder = bench.out / bench.name / "state" / network
    model, result = fit_segmenter(
        bench.train, settings, folder, progress=lambda what, _: print("   ", what, flush=True)
    )
    model.save(bench.path(network, "float", ".keras"))
    facts = {"train_s": round(time.process_time() - start, 1), "steps": bench.steps, "loss": result.history[-1]["loss"],
             **_facts(model, bench.path(network, "float", ".keras"))}  # fmt: skip
    bench.record(network, "float", model.predict_on_batch, facts)


def run_further(bench: Bench, network: str, variant: str) -> None:
    """Go on from the float weights: pruned, or taught by the mean of the set's networks."""
    from oceanclean.vision import losses, nets

    steps, start = FURTHER[variant], time.process_time()
    settings = bench.settings(network, steps, 1e-3)
    kind, classes = bench.train.data.kind, len(bench.train.data.classes)
    crop, side = settings.scales[kind].crop, settings.scales[kind].side
    model = nets.resized(bench.model(network), (crop, crop))
    loss, batches, hook = segmentation_loss(bench.train, settings), crops(bench.train, settings), None
    if variant == "pruned":
        hook = Pruning(PruningSettings(sparsity=0.5, end=steps * 2 // 3, every=5))
        settings = settings.model_copy(update={"fit": settings.fit.model_copy(update={"ema": 0.0})})
    else:
        loss, batches = losses.distillation(loss, classes), distilled(batches, _teacher(bench, crop))
    folder = bench.out / bench.name / "state" / f"{network}_{variant}"
    fit(model, loss, batches, settings.fit, folder, after_step=hook)
    model = nets.resized(model, (side, side))
    path = bench.path(network, variant, ".keras")
    model.save(path)
    facts = {"train_s": round(time.process_time() - start, 1), "steps": steps, **_facts(model, path)}
    bench.record(network, variant, model.predict_on_batch, facts)


def _teacher(bench: Bench, crop: int):
    import keras

    from oceanclean.vision import nets

    members = [nets.resized(bench.model(n), (crop, crop)) for n in TEACHERS]
    image = keras.layers.Input(members[0].input.shape[1:])
    return keras.Model(image, keras.layers.Average()([m(image) for m in members]))


def run_int8(bench: Bench, networks: list[str]) -> None:
    """Convert all networks in one process, and score what LiteRT makes of them."""
    tiles = bench.tiles()
    models = {n: bench.model(n) for n in networks}
    exact = convert_many([(m, tiles, bench.path(n, "float", ".tflite")) for n, m in models.items()], integer=False)
    small = convert_many([(m, tiles, bench.path(n, "int8", ".tflite")) for n, m in models.items()])
    for network, plain, report in zip(networks, exact, small, strict=True):
        lite = LiteModel(report.path)
        facts = {
            "bytes": report.bytes,
            "parameters": models[network].count_params(),
            "agreement": report.agreement,
            "tile_ms": tile_ms(lite, tiles[0]),
            "float_tile_ms": tile_ms(LiteModel(plain.path), tiles[0]),
        }
        bench.record(network, "int8", lite, facts)


def tile_ms(model: LiteModel, tile: np.ndarray, repeats: int = 10) -> float:
    """Least CPU time of a tile, milliseconds."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        model(tile[None])
        times.append(time.process_time() - start)
    return round(min(times) * 1e3, 1)


def _facts(model, path: Path) -> dict:
    """Parameters, bytes on disk, bytes compressed for download, zeros."""
    raw = b"".join(np.asarray(w, np.float32).tobytes() for w in model.get_weights())
    return {"parameters": model.count_params(), "bytes": path.stat().st_size, "sparsity": sparsity(model),
            "download_bytes": len(gzip.compress(raw, 6))}  # fmt: skip


def work(benches: list[Bench], until: float) -> None:
    """Make what is missing until the time is up: each set's first floats with their INT8, then the others."""
    for bench in benches:
        _integers(bench, until)
        for network in SETS[bench.name][0][:5]:
            _cell(bench, network, "float", until)
    for variant in ("distilled", "pruned"):
        for bench in benches:
            for network in TEACHERS:
                _cell(bench, network, variant, until)
    for bench in benches:
        for network in SETS[bench.name][0][5:]:
            _cell(bench, network, "float", until)


def _integers(bench: Bench, until: float) -> None:
    ready = [n for n in SETS[bench.name][0] if not bench.missing(n, "float") and bench.missing(n, "int8")]
    if ready and time.monotonic() < until:
        print(bench.name, "int8", ready, flush=True)
        run_int8(bench, ready)


def _cell(bench: Bench, network: str, variant: str, until: float) -> None:
    teachers = variant != "distilled" or not any(bench.missing(n, "float") for n in TEACHERS)
    ready = variant == "float" or not bench.missing(network, "float")
    if time.monotonic() > until or not (teachers and ready and bench.missing(network, variant)):
        return
    print(f"{bench.name} {network} {variant}", flush=True)
    if variant == "float":
        run_float(bench, network)
        _integers(bench, until)
    else:
        run_further(bench, network, variant)


def table(out: Path, name: str) -> str:
    """Table of one set in Markdown."""
    head = ("network", "variant", "foreground mIoU (95 %)", "litter IoU", "mIoU of all classes", "per-image IoU",
            "pixel accuracy", "parameters", "MB", "MB gzip", "ms a tile")  # fmt: skip
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for network in SETS[name][0]:
        rows = {v: read_json(p) for v in VARIANTS if (p := out / name / f"{network}_{v}.json").exists()}
        lines += ["| " + " | ".join(_cells(network, v, rows)) + " |" for v in rows]
    return "\n".join(lines)


def _cells(network: str, variant: str, rows: dict[str, dict]) -> list[str]:
    r = rows[variant]
    low, high = r["miou_foreground_low"], r["miou_foreground_high"]
    milliseconds = r.get("tile_ms", rows.get("int8", {}).get("float_tile_ms"))
    download = r.get("download_bytes")
    return [
        network, variant, f"{r['miou_foreground']:.3f} ({low:.3f}–{high:.3f})",
        f"{r['litter_iou']:.3f}" if "litter_iou" in r else "–", f"{r['miou_all']:.3f}", f"{r['per_image_iou']:.3f}",
        f"{r['pixel_accuracy']:.3f}", f"{r['parameters'] / 1e6:.2f} M", f"{r['bytes'] / 1e6:.2f}",
        f"{download / 1e6:.2f}" if download else "–", f"{milliseconds:.1f}" if milliseconds else "–",
    ]  # fmt: skip


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets")
    parser.add_argument("--out", type=Path, default=Path("var/litter_nets"), help="where models and figures are kept")
    parser.add_argument("--minutes", type=float, default=240.0, help="start nothing new after this time")
    parser.add_argument("--steps", type=int, default=400, help="optimiser steps of a float network, 8 crops each")
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=list(SETS))
    arguments = parser.parse_args()
    until = time.monotonic() + 60 * arguments.minutes
    names = [n for n in arguments.sets if (arguments.data / n).is_dir()]
    if arguments.minutes > 0:
        work([Bench(n, arguments.data / n, arguments.out, arguments.steps) for n in names], until)
    for name in names:
        print(f"\n{name}\n\n{table(arguments.out, name)}")


if __name__ == "__main__":
    main()
