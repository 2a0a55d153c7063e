"""Another engine's REBASE, beside this package's in equal steps."""

import pathlib
from collections.abc import Mapping

import numpy as np

from inference_scaling.benchmark import (
  engines,
  subjects,
  table,
  timing,
)
from inference_scaling.benchmark import work as work_lib

_NAME = engines.openvino_rebase.NAME


class Rival:
  """The search, where it can be opened, and its rows."""

  def __init__(
    self,
    subject: subjects.Subject,
    work: work_lib.Work,
    step_tokens: int,
    temperature: float,
    folder: pathlib.Path | None,
  ):
    """Opens the engine.

    Args:
      subject: the models.
      work: how much is drawn.
      step_tokens: of each step.
      temperature: of REBASE.
      folder: where converted models go; None to leave the engine out.
    """
    self._work, self._step_tokens = work, step_tokens
    self._rebase, self._why = None, ""
    if folder is None:
      return
    checkpoint = subject.write_policy(folder)
    if checkpoint is None:
      self._why = "random weights are not written to a file"
    elif work.new_tokens % step_tokens:
      self._why = f"all its steps have {step_tokens} tokens"
    else:
      self._rebase, self._why = engines.open_rebase(checkpoint, temperature)
      self._prompts = subject.prompts(work.problems, work.prompt_tokens)

  def tasks(self) -> dict[str, timing.Task]:
    """Gives the search.

    Returns:
      A task for `timing.interleave`; none where the engine is left out.
    """
    return {_NAME: self._run} if self._rebase else {}

  def describe(
    self,
    times: Mapping[str, timing.Seconds],
    own: Mapping[str, Mapping[str, timing.Seconds]],
  ) -> list[table.Row]:
    """Compares the search with this package's.

    Args:
      times: of all tasks.
      own: of this package's searches, by kind and dtype.

    Returns:
      The speed of the search, and how much faster this package's fastest of
      each kind is; or why the engine is left out.
    """
    if not self._rebase:
      left_out = table.Row("search", _NAME, None, "", self._why)
      return [left_out] if self._why else []
    script, tokens = times[_NAME], self._work.tokens
    rows = [
      table.Row(
        "search", f"{_NAME}: REBASE, equal steps", tokens / script.median,
        "tokens/s", f"{tokens} tokens; int8, with its prefix cache",
        tuple(tokens / value for value in script.rounds),
      )
    ]  # fmt: skip
    for kind, seconds in own.items():
      dtype = min(seconds, key=lambda key: seconds[key].median)
      rows.append(
        table.faster(
          "search", kind, _NAME, seconds[dtype], script, f"{dtype} here"
        )
      )
    return rows

  def _run(self) -> np.ndarray:
    work = self._work
    assert self._rebase is not None  # or there is no task
    tokens = self._rebase(
      self._prompts, work.samples, self._step_tokens,
      work.new_tokens // self._step_tokens,
    )  # fmt: skip
    work_lib.check(_NAME, tokens, work)
    return tokens
