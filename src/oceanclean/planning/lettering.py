"""Where words go on a still map, so that none lies on another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Mean width of a letter and height of a line, in parts of the type's size (DejaVu Sans).
_LETTER, _LINE = 0.62, 1.25
Box = tuple[float, float, float, float]


@dataclass
class Lettering:
    """Words beside points of a map, in the first free place around each; none where all are taken.

    Attributes:
        axes: the map; its limits and size stand.
        taken: (left, bottom, right, top) of what is written, in points of the page.
    """

    axes: Axes
    taken: list[Box] = field(default_factory=list)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """A point of the map in points of the page (1/72 inch)."""
        across, up = self.axes.transData.transform((x, y))
        scale = 72.0 / self.axes.figure.get_dpi()
        return float(across) * scale, float(up) * scale

    def block(self, x: float, y: float, half: float = 4.0) -> None:
        """Keep a mark free of words."""
        across, up = self.place(x, y)
        self.taken.append((across - half, up - half, across + half, up + half))

    def write(self, x: float, y: float, text: str, size: float, must: bool = False, **style: Any) -> bool:
        """Write beside a point; where no place is free, ``must`` takes the one with the fewest words in the way.

        Returns:
            Whether it was written.
        """
        across, up = self.place(x, y)
        wide, high = len(text) * size * _LETTER, size * _LINE
        offsets = [
            (dx, dy)
            for far in (1.0, 2.2, 3.6)  # beside the mark first, then a little further away
            for dx, dy in (
                (7.0 * far, 4.0 * far), (7.0 * far, -4.0 * far - high), (-7.0 * far - wide, 4.0 * far),
                (-7.0 * far - wide, -4.0 * far - high), (-wide / 2, 8.0 * far), (-wide / 2, -8.0 * far - high),
            )
        ]  # fmt: skip
        boxes = [(across + dx, up + dy, across + dx + wide, up + dy + high) for dx, dy in offsets]
        clash = [sum(_meet(box, t) for t in self.taken) + 9 * (not self._inside(box)) for box in boxes]
        chosen = clash.index(min(clash))
        if clash[chosen] and not must:
            return False
        self.taken.append(boxes[chosen])
        self.axes.annotate(text, (x, y), xytext=offsets[chosen], textcoords="offset points", fontsize=size,
                           parse_math=False, va="bottom", **style)  # fmt: skip
        return True

    def _inside(self, box: Box) -> bool:
        scale = 72.0 / self.axes.figure.get_dpi()
        frame = self.axes.bbox
        return bool(
            box[0] >= frame.x0 * scale
            and box[1] >= frame.y0 * scale
            and box[2] <= frame.x1 * scale
            and box[3] <= frame.y1 * scale
        )


def _meet(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
