"""The detector's network: a compact residual backbone, one path back up, and maps of centres and boxes.

After "Objects as Points" (Zhou et al. 2019, arXiv:1904.07850): every cell of a coarse grid says whether the centre of
an object lies in it and where the edges of that object's box are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

#: Pixels of a cell's edge in the maps.
STRIDE = 8
#: Highest value of a pixel without data: black, give or take what JPEG makes of it.
NO_DATA = 4
#: Channels after the classes: centre offset x, y and log of width, height (all in cells), logit of the box's quality.
BOX_CHANNELS = 5
#: log of the share of cells that a net knowing nothing should call a centre (Lin et al. 2017, arXiv:1708.02002).
_PRIOR = -4.6
_MEDIAN_LOG_EDGE = 1.8


def build_detector(size: int = 256, classes: int = 1, width: float = 1.0) -> keras.Model:
    """Network from an RGB window to its maps.

    Args:
        size: edge of the window, pixels; a multiple of 32.
        classes: kinds of objects.
        width: factor on the number of channels.

    Returns:
        Model (batch, size, size, 3) of 0–255 → (batch, size / 8, size / 8, classes + 5): logits of a centre for each
        class, then x and y from the cell's centre to the box's centre and log width and height, all in cells, then
        the logit of the overlap that the box is expected to have with the truth.
    """
    import keras

    image = keras.Input((size, size, 3), name="image")
    x = _conv(_normalised(image), _channels(32, width), 5, stride=4)
    fine = _stage(x, _channels(64, width), 2)
    middle = _stage(fine, _channels(128, width), 4)
    coarse = _stage(middle, _channels(192, width), 3)
    neck = _channels(64, width)
    x = _merge(_merge(coarse, middle, neck), fine, neck)
    x = _bottleneck(_bottleneck(x, neck), neck)
    heat = _head(x, classes, "centre", keras.initializers.Constant(_PRIOR))
    box = _head(x, BOX_CHANNELS, "box", "zeros")
    model = keras.Model(image, keras.layers.Concatenate(name="maps")([heat, box]), name="centre_detector")
    # Boxes start at six cells, the median of the PlanetScope set (50 px), about their cell.
    model.get_layer("box").bias.assign([0.0, 0.0, _MEDIAN_LOG_EDGE, _MEDIAN_LOG_EDGE, 0.0])
    return model


def _channels(count: int, width: float) -> int:
    return max(8, round(count * width / 4) * 4)


def _normalised(image: Any) -> Any:
    """Brightness, and contrast against the window's own water: faint lines look alike under any sun.

    Pixels without data (black) are kept out of the mean.
    """
    from keras import ops

    x = image * (1.0 / 255.0)
    valid = ops.cast(ops.max(image, axis=-1, keepdims=True) > float(NO_DATA), "float32")  # type: ignore[operator]
    count = ops.sum(valid, axis=(1, 2), keepdims=True) + 1.0
    mean = ops.sum(x * valid, axis=(1, 2), keepdims=True) / count
    spread = ops.sum(ops.square((x - mean) * valid), axis=(1, 2), keepdims=True) / count
    contrast = (x - mean) * valid / ops.sqrt(spread + 1e-4)
    return ops.concatenate([x, ops.clip(contrast, -8.0, 8.0) * 0.5], axis=-1)


def _conv(x: Any, filters: int, kernel: int = 3, stride: int = 1, *, linear: bool = False) -> Any:
    from keras import layers

    x = layers.Conv2D(filters, kernel, strides=stride, padding="same", use_bias=False, kernel_initializer="he_normal")(
        x
    )
    x = layers.BatchNormalization(momentum=0.97)(x)
    return x if linear else layers.ReLU()(x)


def _stage(x: Any, filters: int, blocks: int) -> Any:
    """Halve the grid, then residual blocks."""
    x = _conv(x, filters, stride=2)
    for _ in range(blocks):
        x = _bottleneck(x, filters)
    return x


def _bottleneck(x: Any, filters: int) -> Any:
    """Residual block that convolves half its channels (He et al. 2016, arXiv:1512.03385, fig. 5)."""
    from keras import layers

    inner = _conv(_conv(x, filters // 2, 1), filters // 2)
    return layers.ReLU()(layers.Add()([x, _conv(inner, filters, 1, linear=True)]))


def _merge(coarse: Any, fine: Any, filters: int) -> Any:
    """Bring the coarser grid to the finer one and add (Lin et al. 2017, arXiv:1612.03144)."""
    from keras import layers

    up = layers.UpSampling2D(2, interpolation="bilinear")(_conv(coarse, filters, 1, linear=True))
    return layers.ReLU()(layers.Add()([up, _conv(fine, filters, 1, linear=True)]))


def _head(x: Any, channels: int, name: str, bias: Any) -> Any:
    import keras

    start = keras.initializers.RandomNormal(stddev=0.01)
    return keras.layers.Conv2D(channels, 1, kernel_initializer=start, bias_initializer=bias, name=name)(x)
