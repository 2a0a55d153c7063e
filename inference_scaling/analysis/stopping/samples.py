"""The samples of one problem as answer classes, and what a replay says of them.

Axis letters: N samples, A answer classes.
"""

from typing import NamedTuple

import numpy as np


class Replay(NamedTuple):
  """What a rule does on average over all orders of N samples.

  Row n - 1 is of the rule that draws at most n samples.

  Attributes:
    accuracy: float64[N], of the answer that it ends with.
    variance: float64[N], the Monte-Carlo variance of that; 0 if exact.
    drawn: float64[N, N], the probability that each sample is drawn: sums over
      the samples are expected numbers of samples, sums of the samples' costs
      expected costs.
    is_exact: whether nothing was sampled.
  """

  accuracy: np.ndarray
  variance: np.ndarray
  drawn: np.ndarray
  is_exact: bool = True


class Classes(NamedTuple):
  """Answer classes that a rule of counts cannot tell apart stand together.

  What such a rule ends with depends on the number of samples of each class, on
  which classes are right, and, at ties of votes, on which wrong classes sort
  before a right one. Classes of equal size between the same right ones are a
  group. The last class is that of the samples that abstain.

  Attributes:
    sizes: samples of each class, A + 1 of them, in the order in which ties of
      votes are decided.
    right: whether each class is right.
    groups: number of the group of each class.
  """

  sizes: tuple[int, ...]
  right: tuple[bool, ...]
  groups: tuple[int, ...]

  @property
  def num_samples(self) -> int:
    """N."""
    return sum(self.sizes)


def classify(
  answers: np.ndarray, correct: np.ndarray
) -> tuple[Classes, np.ndarray]:
  """Sorts the answers of one problem into classes.

  Args:
    answers: int[N] class ids, ranks of the sorted answers; negative abstains.
    correct: bool[N]; equal answers are equally right.

  Returns:
    The classes, equal for problems that are alike, and the class of each
    sample, int64[N].
  """
  ids, counts = np.unique(answers[answers >= 0], return_counts=True)
  right = np.array([bool(correct[answers == i].any()) for i in ids], bool)
  # Right classes come between the wrong ones before and after them.
  behind = np.cumsum(right) * 2 - right
  order = np.lexsort((counts, behind))
  keys = list(zip(behind[order].tolist(), counts[order].tolist(), strict=True))
  numbers = {key: i for i, key in enumerate(dict.fromkeys(keys))}
  silent = int((answers < 0).sum())
  classes = Classes(
    (*counts[order].tolist(), silent),
    (*right[order].tolist(), False),
    (*(numbers[key] for key in keys), len(numbers)),
  )
  positions = np.full(len(ids) + 1, len(ids))
  positions[order] = np.arange(len(ids))
  ranks = np.where(answers < 0, len(ids), np.searchsorted(ids, answers))
  return classes, positions[ranks]


def per_sample(
  classes: Classes, of_samples: np.ndarray, drawn: np.ndarray
) -> np.ndarray:
  """Probability that each sample is drawn, as all of a group are alike.

  Args:
    classes: of the samples.
    of_samples: int[N], the class of each sample.
    drawn: float[..., A + 1], expected samples of each class.

  Returns:
    float64[..., N].
  """
  groups = np.array(classes.groups)
  members = groups[:, None] == np.arange(groups.max() + 1)
  sizes = np.array(classes.sizes) @ members
  shares = (drawn @ members) / np.maximum(sizes, 1)
  return shares[..., groups[of_samples]]


def winner_is_right(classes: Classes, counts: np.ndarray) -> np.ndarray:
  """Whether majority votes are right; ties go to the class that comes first.

  Args:
    classes: of the samples.
    counts: int[..., A + 1], samples of each class.

  Returns:
    bool[...]; False where all abstain.
  """
  votes = counts[..., :-1]
  if not votes.shape[-1]:
    return np.zeros(counts.shape[:-1], bool)
  right = np.array(classes.right[:-1])[votes.argmax(axis=-1)]
  return right & (votes.max(axis=-1) > 0)
