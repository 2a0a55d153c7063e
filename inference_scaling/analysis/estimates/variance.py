"""Variance decomposition of a mean accuracy into problems and sampling.

A benchmark's accuracy varies because other problems could have been drawn, and
because other samples could have been drawn for the same problems. More problems
lower both parts, more seeds only the second.

Axis letters: P problems, S seeds.
"""

import dataclasses
import math

import numpy as np
import pandas as pd

from inference_scaling.analysis import frames
from inference_scaling.analysis.estimates import panel as panel_lib

KEYS = list(panel_lib.Configuration._fields)


@dataclasses.dataclass(frozen=True)
class VarianceSplit:
  """Components of the variance of an accuracy [P, S], and what follows.

  The model: accuracy of problem p with seed s = mean + problem_p + noise_ps,
  both with mean zero and independent; the noise may be larger for some
  problems. Unbiased estimates of variances can be negative.

  Attributes:
    num_problems: P.
    num_seeds: S.
    problems: variance between problems of their expected accuracies.
    sampling: variance between seeds of one problem, averaged over problems;
      NaN with one seed, and then problems is NaN, too.
    standard_error: of the mean over problems and seeds; NaN with one problem.
  """

  num_problems: int
  num_seeds: int
  problems: float
  sampling: float
  standard_error: float

  @property
  def sampling_share(self) -> float:
    """Share of the mean's variance that is due to sampling, in [0, 1]."""
    return 1 - (1 - self.removed_with(seeds=math.inf)) ** 2

  def error_with(
    self, *, problems: float | None = None, seeds: float | None = None
  ) -> float:
    """Standard error that other numbers of problems and seeds would give.

    Args:
      problems: number of problems; by default P.
      seeds: number of seeds, perhaps infinite; by default S.

    Returns:
      sqrt((problems' variance + sampling's / S) / P), components below zero
      taken as zero; NaN where they are not known.
    """
    problems = self.num_problems if problems is None else problems
    whole = self.standard_error**2 * self.num_problems
    saved = 0.0
    if seeds is not None and seeds != self.num_seeds:
      # The parts add up to the whole also where one of them is below zero.
      noise = np.clip(self.sampling / self.num_seeds, 0.0, whole)
      saved = noise * (1 - self.num_seeds / seeds)
    return math.sqrt((whole - saved) / problems)

  def removed_with(
    self, *, problems: float | None = None, seeds: float | None = None
  ) -> float:
    """Share of the standard error that other numbers would remove.

    Args:
      problems: see `error_with`.
      seeds: see `error_with`.

    Returns:
      1 - error_with(...) / standard_error.
    """
    if self.standard_error == 0:
      return 0.0  # nothing to remove
    left = self.error_with(problems=problems, seeds=seeds)
    return 1 - left / self.standard_error


def variance_split(accuracy: np.ndarray) -> VarianceSplit:
  """Splits a variance by one-way analysis of variance with random effects.

  Args:
    accuracy: float[P, S], each seed's accuracy on each problem.

  Returns:
    The VarianceSplit.

  References:
    Searle, Casella and McCulloch, Variance Components, 1992, section 3.5.
  """
  accuracy = np.asarray(accuracy, np.float64)
  if accuracy.ndim != 2 or not accuracy.size:
    raise ValueError(
      f"accuracy has shape {accuracy.shape}; expected [problems, seeds] with at"
      " least one of each"
    )
  P, S = accuracy.shape
  means = accuracy.mean(axis=1)
  between = means.var(ddof=1) if P > 1 else math.nan  # of problems' means
  sampling = accuracy.var(axis=1, ddof=1).mean() if S > 1 else math.nan
  return VarianceSplit(
    num_problems=P,
    num_seeds=S,
    problems=float(between - sampling / S),
    sampling=float(sampling),
    standard_error=math.sqrt(between / P),
  )


def variance_table(outcomes: pd.DataFrame) -> pd.DataFrame:
  """Splits the variance of every configuration of a sweep.

  Args:
    outcomes: rows of `make_outcomes`.

  Returns:
    Rows by policy, strategy, n, voting and aggregation: problems and seeds;
    problem_variance and sampling_variance; standard_error; sampling_share, the
    share of the mean's variance that is due to sampling; and the shares of the
    standard error that twice the seeds (twice_seeds), infinitely many seeds
    (all_seeds) and twice the problems (twice_problems) would remove. As in a
    panel, only problems that all finished seeds have count. NaN where there is
    only one seed or one problem.
  """
  complete, _ = panel_lib.complete_seeds(outcomes)
  wide = complete.pivot_table(
    index=[*KEYS, "problem"], columns="seed", values="accuracy", sort=False
  )
  rows = []
  for key, block in frames.groups(wide, KEYS):
    values = block.dropna(axis=1, how="all").to_numpy(float)
    rows.append({**dict(zip(KEYS, key, strict=True)), **_columns(values)})
  return pd.DataFrame(rows)


def _columns(accuracy: np.ndarray) -> dict[str, float]:
  split = variance_split(accuracy)
  P, S = split.num_problems, split.num_seeds
  return {
    "problems": P,
    "seeds": S,
    "problem_variance": split.problems,
    "sampling_variance": split.sampling,
    "standard_error": split.standard_error,
    "sampling_share": split.sampling_share,
    "twice_seeds": split.removed_with(seeds=2 * S),
    "all_seeds": split.removed_with(seeds=math.inf),
    "twice_problems": split.removed_with(problems=2 * P),
  }
