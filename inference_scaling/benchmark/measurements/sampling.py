"""Sampling from end to end: this package and other engines, in turns."""

import dataclasses
import functools
import pathlib
from collections.abc import Mapping, Sequence

from inference_scaling import models
from inference_scaling.benchmark import (
  engines,
  ours,
  subjects,
  table,
  timing,
)
from inference_scaling.benchmark import work as work_lib
from inference_scaling.benchmark.measurements import compilation

# A way to do an engine's work that is slower than its fastest by more than this
# is measured once: it cannot be what the engine is judged by.
_SLOWER = 1.3
Way = tuple[str, str]  # an engine and one of its ways


class Sampling:
  """All ways to draw the samples, each at two lengths.

  The longer one is the work itself; the slope between them is decoding alone.
  """

  def __init__(
    self,
    subject: subjects.Subject,
    work: work_lib.Work,
    dtypes: Sequence[str],
    folder: pathlib.Path | None,
  ):
    """Opens the engines.

    Args:
      subject: the model.
      work: what is drawn.
      dtypes: of this package's own weights.
      folder: where converted models go; None to leave other engines out.
    """
    self._work = work
    self._prompts = subject.prompts(work.problems, work.prompt_tokens)
    own = {dtype: ours.Sampler(subject.policy(dtype)) for dtype in dtypes}
    found, self._left_out = _open(subject, folder)
    self._ways: dict[Way, work_lib.Generate] = {
      (engine, way): generate
      for engine, ways in {ours.NAME: own, **found}.items()
      for way, generate in ways.items()
    }

  def run(self, repeats: int) -> list[table.Row]:
    """Measures all ways.

    Args:
      repeats: rounds.

    Returns:
      Rows of the table.
    """
    short, long = max(1, self._work.new_tokens // 4), self._work.new_tokens
    tasks = {
      (way, length): functools.partial(self._generate, way, length)
      for way in self._ways
      for length in (short, long)
    }
    for way, length in tasks:
      # Only programs of our own are compiled for a length.
      if length == short or way[0] == ours.NAME:
        self._check(way, length)
    tried = {way: timing.once(tasks[way, long]) for way in self._ways}
    fast = _contenders(tried)
    with compilation.count() as compiled:
      times = timing.measure(
        {key: task for key, task in tasks.items() if key[0] in fast}, repeats
      )
    whole = {way: times[way, long] for way in fast}
    decoding = {
      way: timing.slope(times[way, short], times[way, long], long - short)
      for way in fast
    }
    found = self._rates("end to end", whole, tried, self._work.tokens)
    found += _ratios("end to end", whole)
    found += self._rates("decoding alone", decoding, {}, self._work.rows)
    found += _ratios("decoding alone", decoding)
    note = f"{repeats} rounds, each with seeds of its own"
    return [
      *found,
      table.Row(
        "sampling", "programs compiled in the rounds", compiled.programs,
        "", note,
      ),
      *(
        table.Row("sampling", engine, None, "", why)
        for engine, why in self._left_out.items()
      ),
    ]  # fmt: skip

  def _generate(self, way: Way, length: int):
    work, generate = self._work, self._ways[way]
    return generate(self._prompts, work.samples, length)

  def _check(self, way: Way, length: int) -> None:
    """Holds what an engine makes against what it is to make."""
    made = self._generate(way, length)
    work = dataclasses.replace(self._work, new_tokens=length)
    work_lib.check(", ".join(way), made, work)

  def _rates(
    self,
    what: str,
    times: Mapping[Way, timing.Seconds],
    tried: Mapping[Way, float],
    tokens: int,
  ) -> list[table.Row]:
    """Tokens a second of each way."""
    found = []
    for way in tried or times:
      name = f"{what}: {', '.join(way)}"
      if way in times:
        rates = tuple(tokens / value for value in times[way].rounds)
        value, note = tokens / times[way].median, ""
      else:
        rates, value, note = (), tokens / tried[way], "slower: measured once"
      found.append(table.Row("sampling", name, value, "tokens/s", note, rates))
    return found


def fastest(times: Mapping[Way, timing.Seconds]) -> dict[str, Way]:
  """Finds the fastest way of each engine.

  Args:
    times: of ways.

  Returns:
    The way, by the engine's name.
  """
  best: dict[str, Way] = {}
  for way, seconds in times.items():
    engine = way[0]
    if engine not in best or seconds.median < times[best[engine]].median:
      best[engine] = way
  return best


def _contenders(tried: Mapping[Way, float]) -> list[Way]:
  """The ways that may be the fastest of their engines."""
  least: dict[str, float] = {}
  for (engine, _), seconds in tried.items():
    least[engine] = min(seconds, least.get(engine, seconds))
  return [
    way for way, seconds in tried.items() if seconds <= _SLOWER * least[way[0]]
  ]


def _ratios(what: str, times: Mapping[Way, timing.Seconds]) -> list[table.Row]:
  """How often faster the fastest way here is than that of each engine."""
  best = fastest(times)
  mine = best[ours.NAME]
  found = []
  for engine, theirs in best.items():
    if engine == ours.NAME:
      continue
    ratio = timing.combine(lambda a, b: b / a, times[mine], times[theirs])
    found.append(
      table.Row(
        "sampling", f"{what}: faster than {engine}", ratio.median, "x",
        f"{mine[1]} here, {theirs[1]} there", ratio.rounds,
      )
    )  # fmt: skip
  return found


def _open(subject, folder):
  """Other engines, and why some are left out."""
  if folder is None:
    return {}, {}
  if subject.source is None:
    return {}, {"other engines": "random weights are not written to a file"}
  checkpoint = folder / subject.name
  if not checkpoint.exists():
    models.save_model(models.load_model(subject.source), checkpoint)
  return engines.open_engines(checkpoint, subject.gguf)
