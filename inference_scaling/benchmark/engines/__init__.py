"""Other engines that do the same work, where they are installed."""

import importlib.util
import pathlib
import types
from collections.abc import Mapping, Sequence

from inference_scaling.benchmark import work as work_lib
from inference_scaling.benchmark.engines import (
  ctranslate2_engine,
  llama_cpp_engine,
  openvino_engine,
  openvino_rebase,
  transformers_engine,
)

_ALL = (
  transformers_engine, ctranslate2_engine, llama_cpp_engine, openvino_engine,
)  # fmt: skip
ENGINES = {engine.NAME: engine for engine in _ALL}
SEARCHES = openvino_engine.NAME  # the one on which a script searches, too


def missing(engine: types.ModuleType) -> list[str]:
  """Lists the packages of an engine that are not installed.

  Args:
    engine: of `ENGINES`, or `openvino_rebase`.

  Returns:
    Their names.
  """
  return [
    name for name in engine.PACKAGES if importlib.util.find_spec(name) is None
  ]


def open_engines(
  names: Sequence[str], folder: pathlib.Path, gguf: pathlib.Path | None
) -> tuple[dict[str, Mapping[str, work_lib.Generate]], dict[str, str]]:
  """Opens every engine that can be opened.

  Args:
    names: of `ENGINES`.
    folder: the model in Hugging Face format.
    gguf: the model as a GGUF file; None where it has none.

  Returns:
    The ways in which each does the work, and, of the others, why they are left
    out; by the engines' names.
  """
  opened, left_out = {}, {}
  for engine in (ENGINES[name] for name in names):
    if lacking := missing(engine):
      left_out[engine.NAME] = _not_installed(lacking)
      continue
    ways = engine.open_engine(folder, gguf)
    if ways:
      opened[engine.NAME] = ways
    else:
      left_out[engine.NAME] = "has no file of this model that it reads"
  return opened, left_out


def open_rebase(
  folder: pathlib.Path, temperature: float
) -> tuple[openvino_rebase.Rebase | None, str]:
  """Opens the other engine that searches, where it can be opened.

  Args:
    folder: the model in Hugging Face format.
    temperature: of REBASE.

  Returns:
    The search, and "" or why it is left out.
  """
  if lacking := missing(openvino_rebase):
    return None, _not_installed(lacking)
  return openvino_rebase.Rebase(folder, temperature), ""


def _not_installed(lacking: list[str]) -> str:
  return f"not installed: {', '.join(lacking)}"


__all__ = ["ENGINES", "SEARCHES", "missing", "open_engines", "open_rebase"]
