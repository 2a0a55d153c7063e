"""What every task gives: a problem with its gold answer."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Problem:
  """One problem of a benchmark.

  Attributes:
    id: number of the problem in its benchmark, from 0. Random draws are keyed
      by it, so it must not change when a benchmark is filtered or reordered.
    question: text that the model is asked.
    gold: the right answer, in canonical text.
    level: difficulty, 1 (easiest) and up. What it counts depends on the source.
    source: name of the benchmark, and split where it has one.
    name: what the benchmark calls the problem, where that is a text; the id is
      then made of it.
    alternatives: further right answers, in canonical text.
    options: texts of what may be chosen, from A on; the gold answer is then a
      letter.
    tolerances: largest differences of a number that is right from the gold one:
      one, or one for each item of a list; none for equality alone.
  """

  id: int
  question: str
  gold: str
  level: int
  source: str
  name: str = dataclasses.field(default="", kw_only=True)
  alternatives: tuple[str, ...] = dataclasses.field(default=(), kw_only=True)
  options: tuple[str, ...] = dataclasses.field(default=(), kw_only=True)
  tolerances: tuple[float, ...] = dataclasses.field(default=(), kw_only=True)

  @property
  def golds(self) -> tuple[str, ...]:
    """All right answers; none where the answer is not known."""
    return (self.gold, *self.alternatives) if self.gold else ()
