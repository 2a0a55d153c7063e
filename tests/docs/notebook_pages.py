"""Notebooks as pages of the site: their cells, and what is stored with them."""

import json
import pathlib
from typing import Any


def title(path: pathlib.Path) -> str:
  """The heading of a notebook; a badge may stand before it."""
  lines = page(path).splitlines()
  return next(line for line in lines if line.startswith("# "))[2:]


def page(path: pathlib.Path) -> str:
  """The notebook in Markdown."""
  parts = []
  for cell in _cells(path):
    text = "".join(cell["source"])
    code = cell["cell_type"] == "code"
    parts.append(f"````python\n{text}\n````" if code else text)
    parts += map(_output, cell.get("outputs", []))
  return "\n\n".join(parts)


def _cells(path: pathlib.Path) -> list[dict[str, Any]]:
  return json.loads(path.read_text(encoding="utf-8"))["cells"]


def _output(output: dict[str, Any]) -> str:
  """What a cell printed or drew; a page within the page is left out."""
  data = output.get("data", {})
  if "image/png" in data:
    picture = "".join(data["image/png"]).replace("\n", "")
    return f"![](data:image/png;base64,{picture})"
  text = "".join(output.get("text", data.get("text/plain", []))).rstrip()
  return "" if text.startswith("<") else f"````text\n{text}\n````"
