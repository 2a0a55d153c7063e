"""The one thing every task hands on: a problem with its gold answer."""

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
  """

  id: int
  question: str
  gold: str
  level: int
  source: str
