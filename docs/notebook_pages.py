"""Run the notebooks on a finished day and write them, with their pictures, as pages of the documentation.

``python docs/notebook_pages.py --work var`` runs all of them, ``python docs/notebook_pages.py what_if`` one. The
notebooks themselves stay without outputs; the pages and ``docs/images/notebooks`` are what they answered.
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from PIL import Image

DOCS = Path(__file__).parent
NOTEBOOKS = DOCS.parent / "notebooks"
PAGES, PICTURES = DOCS / "notebooks", DOCS / "images" / "notebooks"
#: Longest text that a cell shows on its page, in lines, and widest picture, in pixels.
LINES, PIXELS = 40, 900


def page(notebook: Any, name: str) -> tuple[str, dict[str, bytes]]:
    """The notebook as Markdown, and its pictures by file name."""
    parts, pictures = [], {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source.replace("](../docs/", "](../"))
        elif cell.cell_type == "code":
            parts.append(f"```python\n{cell.source}\n```")
            for output in cell.outputs:
                data = output.get("data", {})
                if "image/png" in data:
                    file = f"{name}-{len(pictures) + 1}.png"
                    pictures[file] = _small(base64.b64decode(data["image/png"]))
                    parts.append(f"![What the cell above draws](../images/notebooks/{file})")
                elif text := _told(output):
                    parts.append(f"```text\n{_short(text)}\n```")
    note = f"*As run on the demo day; the notebook itself is `notebooks/{name}.ipynb`.*"
    return "\n\n".join([parts[0], note, *parts[1:]]) + "\n", pictures


def _told(output: Any) -> str:
    """What a cell says as text: no warnings, no value of which only its fields are left."""
    text = str(output.get("text") or output.get("data", {}).get("text/plain", ""))
    return "" if output.get("name") == "stderr" or "PosixPath(" in text else text


def _short(text: str) -> str:
    lines = text.rstrip().splitlines()
    return "\n".join(lines if len(lines) <= LINES else [*lines[:LINES], f"… {len(lines) - LINES} more lines"])


def _small(png: bytes) -> bytes:
    """The picture at most :data:`PIXELS` wide, in 256 colours."""
    with Image.open(io.BytesIO(png)) as image:
        picture = image.convert("RGB")
    if picture.width > PIXELS:
        size = PIXELS, round(picture.height * PIXELS / picture.width)
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.quantize(256).save(out, "PNG", optimize=True)
    return out.getvalue()


def listed() -> list[str]:
    """Names of the notebooks in the order in which ``notebooks.md`` names them."""
    return re.findall(r"^\| `(\w+)\.ipynb`", (DOCS / "notebooks.md").read_text(encoding="utf-8"), re.M)


def main() -> None:
    """Run, write, say what was written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="notebooks without their suffix; default: all")
    parser.add_argument("--work", type=Path, default=DOCS.parent / "var")
    asked = parser.parse_args()
    os.environ["OCEANCLEAN_WORK"] = str(asked.work.resolve())
    for folder in (PAGES, PICTURES):
        folder.mkdir(parents=True, exist_ok=True)
    for name in asked.names or listed():
        path = NOTEBOOKS / f"{name}.ipynb"
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(NOTEBOOKS)}}).execute()
        text, pictures = page(notebook, name)
        for old in PICTURES.glob(f"{name}-*.png"):
            old.unlink()
        for file, content in pictures.items():
            (PICTURES / file).write_bytes(content)
        (PAGES / f"{name}.md").write_text(text, encoding="utf-8")
        sys.stdout.write(f"{name}: {len(pictures)} pictures, {sum(map(len, pictures.values())) / 1024:.0f} KB\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
