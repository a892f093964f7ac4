"""Fisher vectors of local descriptors as layers of a network: how a thing's surface looks, wherever it lies.

A photo is described by oriented edges in cells (Lowe 2004, doi 10.1023/B:VISI.0000029664.99615.94) with the square root
of Arandjelović and Zisserman (2012), and by the mean and spread of its colours; each descriptor's pull on the words of
a Gaussian mixture is summed over the photo (improved Fisher vector: Perronnin et al. 2010, doi
10.1007/978-3-642-15561-1_11). Reduction and mixture are learned from the photos without labels and the head is linear,
so the branch is trained in a minute where a network of like accuracy takes an hour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import layers, ops

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.vision.photos.settings import TextureSettings

#: Brightness and two colour differences of RGB, as columns.
_OPPONENT = np.array([[0.299, 0.587, 0.114], [0.5, -0.5, 0.0], [0.25, 0.25, -0.5]], np.float32).T
_ANGLES = np.arange(8) * 2 * np.pi / 8
#: Pixels of a cell's window, pixels between cells, cells along a descriptor's edge.
_WINDOW, _STEP, _CELLS = 6, 4, 4
_PACKAGE = "oceanclean"


@keras.saving.register_keras_serializable(package=_PACKAGE)
class EdgeCells(layers.Layer):
    """Photo (batch, y, x, 3), 0–255, to root edge energy in cells (batch, y/4, x/4, 24).

    Eight directions for brightness and for each of two colour differences.
    """

    def build(self, _: Any) -> None:
        """Fixed filters; no weights."""
        sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32) / 4
        turned = np.stack([np.cos(a) * sobel + np.sin(a) * sobel.T for a in _ANGLES], axis=-1)
        # Opponent transform and derivative in one convolution: (y, x, RGB, 3 · 8).
        kernel = np.einsum("yxd,rc->yxrcd", turned, _OPPONENT).reshape(3, 3, 3, 24)
        self._kernel = ops.convert_to_tensor(kernel.astype(np.float32))

    def call(self, image: Any) -> Any:
        """Rectified derivatives, averaged over windows that overlap."""
        edges = ops.relu(ops.conv(image, self._kernel, padding="same"))
        return ops.sqrt(ops.average_pool(edges, _WINDOW, _STEP, padding="same") + 1e-6)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """See the class."""
        return (shape[0], *(None if n is None else -(-n // _STEP) for n in shape[1:3]), 24)


@keras.saving.register_keras_serializable(package=_PACKAGE)
class ColourCells(layers.Layer):
    """Photo (batch, y, x, 3), 0–255, to mean and spread of three colour axes in cells (batch, y/4, x/4, 6)."""

    def call(self, image: Any) -> Any:
        """Means and standard deviations over windows of 8 pixels."""
        colours = ops.matmul(image, ops.convert_to_tensor(_OPPONENT)) / 64.0
        mean = ops.average_pool(colours, 8, _STEP, padding="same")
        square = ops.average_pool(colours * colours, 8, _STEP, padding="same")
        return ops.concatenate([mean, 2 * ops.sqrt(ops.relu(square - mean * mean) + 1e-4)], axis=-1)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """See the class."""
        return (shape[0], *(None if n is None else -(-n // _STEP) for n in shape[1:3]), 6)


@keras.saving.register_keras_serializable(package=_PACKAGE)
class Descriptors(layers.Layer):
    """Cells (batch, y, x, channel) to reduced descriptors of blocks of cells (batch, y', x', dimension).

    A block of each group of channels is scaled to one length before it is projected, so that contrast does not count.

    Args:
        dimension: length of a descriptor.
        block: cells along a block's edge.
        groups: (first, end) of the channels that are scaled together; none: as they are.
    """

    def __init__(
        self, dimension: int, block: int = _CELLS, groups: tuple[tuple[int, int], ...] = (), **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.dimension, self.block = dimension, block
        self.groups = tuple((int(a), int(b)) for a, b in groups)

    def get_config(self) -> dict[str, Any]:
        """Configuration for saving."""
        return {**super().get_config(), "dimension": self.dimension, "block": self.block, "groups": self.groups}

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Projection (block, block, channel, dimension) and the offset that centres."""
        self.kernel = self.add_weight(shape=(self.block, self.block, shape[-1], self.dimension), name="kernel",
                                      initializer="glorot_uniform", trainable=False)  # fmt: skip
        self.bias = self.add_weight(shape=(self.dimension,), name="bias", initializer="zeros", trainable=False)

    def call(self, cells: Any) -> Any:
        """Scale and project."""
        if not self.groups:
            return ops.conv(cells, self.kernel, padding="valid") + self.bias
        parts = [
            ops.conv(cells[..., a:b], self.kernel[:, :, a:b], padding="valid") * self._scale(cells[..., a:b])
            for a, b in self.groups
        ]
        return sum(parts[1:], parts[0]) + self.bias

    def _scale(self, cells: Any) -> Any:
        """1 / root of the block's length: the cells are roots, so their square's square is an energy."""
        energy = ops.sum((cells * cells) ** 2, axis=-1, keepdims=True)
        length = ops.sqrt(ops.average_pool(energy, self.block, 1, padding="valid") * self.block**2)
        return ops.rsqrt(length + 2.0)

    def raw(self, cells: NDArray[np.float32]) -> NDArray[np.float32]:
        """Descriptors (block of cells, channel) before projection, for learning it."""
        b = self.block
        windows = np.lib.stride_tricks.sliding_window_view(cells, (b, b), axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)
        out = windows.astype(np.float32)
        for first, end in self.groups:
            scale = np.asarray(ops.convert_to_numpy(self._scale(cells[..., first:end])))
            out = np.concatenate([out[..., :first], out[..., first:end] * scale[..., None, None, :], out[..., end:]],
                                 axis=-1)  # fmt: skip
        return out.reshape(-1, b * b * cells.shape[-1])

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """See the class."""
        return (shape[0], *(None if n is None else n - self.block + 1 for n in shape[1:3]), self.dimension)


@keras.saving.register_keras_serializable(package=_PACKAGE)
class FisherVector(layers.Layer):
    """Descriptors of several scales, each (batch, y, x, dimension), to one improved Fisher vector (batch, 2·K·D).

    Perronnin et al. 2010, equations 7 and 8 (mean and variance of each word), signed square root, length 1.

    Args:
        components: words K of the Gaussian mixture, of diagonal covariance.
    """

    def __init__(self, components: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.components = components

    def get_config(self) -> dict[str, Any]:
        """Configuration for saving."""
        return {**super().get_config(), "components": self.components}

    def build(self, shapes: Any) -> None:
        """Weights (word), means and standard deviations (word, dimension) of the mixture."""
        size = (self.components, (shapes[0] if isinstance(shapes[0], (tuple, list)) else shapes)[-1])
        self.prior = self.add_weight(shape=size[:1], name="prior", initializer="ones", trainable=False)
        self.mean = self.add_weight(shape=size, name="mean", initializer="random_normal", trainable=False)
        self.scale = self.add_weight(shape=size, name="scale", initializer="ones", trainable=False)

    def call(self, descriptors: list[Any]) -> Any:
        """Sum over all places of all scales."""
        dimension = self.mean.shape[1]
        z = ops.concatenate([ops.reshape(d, (-1, d.shape[1] * d.shape[2], dimension)) for d in descriptors], axis=1)
        precision = 1.0 / self.scale
        constant = (ops.log(self.prior) - ops.sum(ops.log(self.scale), axis=1)
                    - 0.5 * ops.sum((self.mean * precision) ** 2, axis=1))  # fmt: skip
        score = (ops.matmul(z, ops.transpose(self.mean * precision**2))
                 - 0.5 * ops.matmul(z * z, ops.transpose(precision**2)) + constant)  # fmt: skip
        share = ops.softmax(score, axis=-1) * (1.0 / z.shape[1])
        turned = ops.transpose(share, (0, 2, 1))
        s0, s1, s2 = ops.sum(turned, axis=-1)[..., None], ops.matmul(turned, z), ops.matmul(turned, z * z)
        root = ops.rsqrt(self.prior)[:, None]
        first = (s1 - s0 * self.mean) * precision * root
        second = ((s2 - 2 * self.mean * s1 + s0 * self.mean**2) * precision**2 - s0) * root * float(np.sqrt(0.5))
        out = ops.reshape(ops.concatenate([first, second], axis=-1), (-1, 2 * self.components * dimension))
        out = ops.sign(out) * ops.sqrt(ops.abs(out) + 1e-12)
        return out * ops.rsqrt(ops.sum(out * out, axis=-1, keepdims=True) + 1e-12)

    def compute_output_shape(self, shapes: Any) -> tuple[int | None, ...]:
        """See the class."""
        return (shapes[0][0], 2 * self.components * shapes[0][-1])


#: Channels of a kind of cells, cells along a block's edge, channels scaled together.
_KINDS: dict[str, tuple[type[layers.Layer], int, tuple[tuple[int, int], ...]]] = {
    "edges": (EdgeCells, _CELLS, ((0, 8), (8, 24))),
    "colours": (ColourCells, 3, ()),
}


def build_texture(settings: TextureSettings) -> keras.Model:
    """Photo (batch, edge, edge, 3), 0–255, to the Fisher vectors of its edges and colours, joined; not yet learned."""
    image = layers.Input((settings.edge, settings.edge, 3), name="image")
    planes = [image if s == 1 else Shrink(round(settings.edge * s))(image) for s in settings.scales]
    vectors = []
    for kind, (cells, block, groups) in _KINDS.items():
        dimension = settings.dimensions if kind == "edges" else settings.dimensions // 2
        cut, reduce = cells(name=f"{kind}_cells"), Descriptors(dimension, block, groups, name=f"{kind}_reduced")
        described = [reduce(cut(p)) for p in planes]
        vectors.append(FisherVector(settings.components, name=f"{kind}_fisher")(described))
    return keras.Model(image, layers.Concatenate(name="texture")(vectors), name="texture")


@keras.saving.register_keras_serializable(package=_PACKAGE)
class Shrink(layers.Layer):
    """Resize (batch, y, x, band) to ``edge`` square by bilinear interpolation.

    Args:
        edge: pixels.
    """

    def __init__(self, edge: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.edge = edge

    def get_config(self) -> dict[str, Any]:
        """Configuration for saving."""
        return {**super().get_config(), "edge": self.edge}

    def call(self, image: Any) -> Any:
        """Resize."""
        return ops.image.resize(image, (self.edge, self.edge), interpolation="bilinear")

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """See the class."""
        return (shape[0], self.edge, self.edge, shape[-1])


def learn_texture(model: keras.Model, photos: NDArray[np.uint8], settings: TextureSettings, seed: int) -> None:
    """Learn reduction (principal components) and words (Gaussian mixture) from photos (photo, y, x, 3), no labels."""
    from sklearn.decomposition import PCA
    from sklearn.mixture import GaussianMixture

    rng = np.random.default_rng(seed)
    chosen = photos[rng.permutation(len(photos))[:400]].astype(np.float32)
    for kind in _KINDS:
        reduce, vector = model.get_layer(f"{kind}_reduced"), model.get_layer(f"{kind}_fisher")
        rows = _sample(model, chosen, kind, settings, rng)
        # Whitened: the vectors are the same, and the words' constants are of one size, which 8 bits need.
        pca = PCA(reduce.dimension, whiten=True, random_state=seed).fit(rows)
        axes = pca.components_.T / np.sqrt(pca.explained_variance_)
        reduce.set_weights([axes.reshape(reduce.block, reduce.block, -1, reduce.dimension), -pca.mean_ @ axes])
        mixture = GaussianMixture(settings.components, covariance_type="diag", max_iter=30, random_state=seed,
                                  init_params="k-means++", reg_covar=1e-4, tol=1e-2)  # fmt: skip
        mixture.fit(pca.transform(rows))
        vector.set_weights([mixture.weights_, mixture.means_, np.sqrt(mixture.covariances_)])


def _sample(
    model: keras.Model, photos: NDArray[np.float32], kind: str, settings: TextureSettings, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Raw descriptors (descriptor, value) from random places of photos at random scales."""
    cut, reduce = model.get_layer(f"{kind}_cells"), model.get_layer(f"{kind}_reduced")
    each = max(1, settings.samples // len(photos))
    rows = []
    for i in range(0, len(photos), 16):
        edge = round(settings.edge * float(rng.choice(settings.scales)))
        plane = ops.image.resize(photos[i : i + 16], (edge, edge))
        raw = reduce.raw(np.asarray(ops.convert_to_numpy(cut(plane))))
        rows.append(raw[rng.permutation(len(raw))[: each * 16]])
    return np.concatenate(rows).astype(np.float32)


def texture_vectors(model: keras.Model, photos: NDArray[np.uint8], batch: int = 16) -> NDArray[np.float32]:
    """Fisher vectors (photo, value) of photos (photo, y, x, 3)."""
    import tensorflow as tf

    call = tf.function(lambda x: model(x, training=False), reduce_retracing=True)
    parts = []
    for i in range(0, len(photos), batch):
        part = photos[i : i + batch].astype(np.float32)
        short = batch - len(part)
        padded = np.concatenate([part, np.zeros((short, *part.shape[1:]), np.float32)]) if short else part
        parts.append(np.asarray(call(padded))[: len(part)])
    return np.concatenate(parts)
