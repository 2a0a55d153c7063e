"""What a value head is worth on held-out problems, beside simple baselines."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import figure

from inference_scaling.training import roc
from inference_scaling.training.value import solutions as solutions_lib

_BLUE, _GREY = "#0072B2", "0.7"
# Draws of problems for the intervals of areas; each sorts all steps.
_RESAMPLES = 400


@dataclasses.dataclass(frozen=True)
class Scored:
  """Scores of the tokens of one problem's solutions.

  Attributes:
    problem: with N solutions.
    rewards: float32[M], of all their tokens, one solution after another.
    likely: float32[M], log-probabilities of the tokens under the policy.
  """

  problem: solutions_lib.Problem
  rewards: np.ndarray
  likely: np.ndarray


def evaluate(
  scored: Sequence[Scored], seed: int, resamples: int = _RESAMPLES
) -> dict[str, Any]:
  """Measures how well scores tell what ends correctly.

  Args:
    scored: held-out problems.
    seed: of the resamples of problems for the intervals.
    resamples: how many; 0 for no intervals.

  Returns:
    By what is scored, a step or a whole solution, and by the score, the area
    under the ROC curve with a 95% interval over problems (`area`, `low`,
    `high`); for solutions also the area among those of one problem, the mean
    over problems with both kinds (`within`, `within_low`, `within_high`).
    Scores are `value`, `likelihood` (mean log-probability so far) and
    `shortness` (fewer tokens so far are better); of steps also `position`.
    Beside them the Brier score, the share of correct solutions, and counts.
  """
  steps = [_steps(one) for one in scored]
  wholes = [_solutions(one) for one in scored]
  rng = np.random.default_rng(seed)
  draws = [
    rng.integers(len(scored), size=len(scored)) for _ in range(resamples)
  ]
  labels = np.concatenate([rows["label"] for rows in wholes])
  values = np.concatenate([rows["value"] for rows in wholes])
  return {
    "problems": len(scored),
    "solutions": len(labels),
    "steps": sum(len(rows["label"]) for rows in steps),
    "correct": float(labels.mean()),
    "brier": float(np.mean((values - labels) ** 2)),
    "step": _areas(steps, draws),
    "solution": {
      name: area | _within(wholes, name, draws)
      for name, area in _areas(wholes, draws).items()
    },
  }


def draw(scored: Sequence[Scored], path: pathlib.Path) -> None:
  """Draws the ROC of steps and solutions, and the calibration of the value.

  Args:
    scored: held-out problems.
    path: of a PNG.
  """
  picture = figure.Figure(figsize=(12, 4), layout="constrained")
  parts = (("Steps", _steps), ("Solutions", _solutions))
  axes = picture.subplots(1, 3)
  for axis, (title, read) in zip(axes, parts, strict=False):
    rows = _join([read(one) for one in scored])
    for name, line in (
      ("value", "-"),
      ("likelihood", "--"),
      ("shortness", ":"),
    ):
      area = roc.roc_area(rows["label"], rows[name])
      curve = roc.roc_curve(rows["label"], rows[name])
      axis.plot(*curve, line, label=f"{name} (area {area:.3f})")
    axis.plot([0, 1], [0, 1], color=_GREY, linewidth=1, zorder=0)
    axis.set(xlabel="false positive rate", ylabel="true positive rate")
    axis.set_title(f"{title} of held-out problems")
    axis.legend(loc="lower right", fontsize=8)
  rows = _join([_solutions(one) for one in scored])
  means, shares, counts = roc.calibration(rows["label"], rows["value"])
  axes[2].plot([0, 1], [0, 1], color=_GREY, linewidth=1, zorder=0)
  axes[2].plot(means, shares, color=_BLUE)
  # The area of a point says how many solutions it stands for.
  axes[2].scatter(means, shares, s=600 * counts / counts.sum(), color=_BLUE)
  axes[2].set(xlabel="value", ylabel="share of correct solutions")
  axes[2].set(xlim=(0, 1), ylim=(0, 1.01), title="Calibration")
  picture.savefig(path, dpi=150)


def _steps(scored: Scored) -> dict[str, np.ndarray]:
  """A row for each step: what is known at its last token."""
  rows = []
  first = 0
  for solution in scored.problem.solutions:
    likely = np.cumsum(scored.likely[first : first + len(solution.tokens)])
    for index, end in enumerate(solution.ends):
      rows.append(
        (
          solution.correct, scored.rewards[first + end],
          likely[end] / (end + 1), -(end + 1), -index,
        )
      )  # fmt: skip
    first += len(solution.tokens)
  names = ("label", "value", "likelihood", "shortness", "position")
  columns = np.array(rows, np.float64).T
  return dict(zip(names, columns, strict=True))


def _solutions(scored: Scored) -> dict[str, np.ndarray]:
  """A row for each solution: what is known at its end."""
  counts = [len(solution.ends) for solution in scored.problem.solutions]
  last = np.cumsum(counts) - 1
  rows = _steps(scored)
  return {name: rows[name][last] for name in rows if name != "position"}


def _join(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
  return {
    name: np.concatenate([part[name] for part in parts]) for name in parts[0]
  }


def _areas(
  parts: Sequence[Mapping[str, np.ndarray]], draws: Sequence[np.ndarray]
) -> dict[str, dict[str, float]]:
  """Areas over all problems, by score, with intervals over problems."""
  whole = _join(parts)
  areas = {}
  for name in (name for name in whole if name != "label"):
    areas[name] = {"area": roc.roc_area(whole["label"], whole[name])}
    spread = [
      roc.roc_area(
        np.concatenate([parts[i]["label"] for i in chosen]),
        np.concatenate([parts[i][name] for i in chosen]),
      )
      for chosen in draws
    ]
    areas[name] |= _interval(spread, ("low", "high"))
  return areas


def _within(
  parts: Sequence[Mapping[str, np.ndarray]],
  name: str,
  draws: Sequence[np.ndarray],
) -> dict[str, float]:
  """The mean area among the solutions of one problem, where it has both."""
  areas = np.array([roc.roc_area(part["label"], part[name]) for part in parts])
  if np.isnan(areas).all():
    return {}
  spread = [
    float(np.nanmean(areas[chosen]))
    for chosen in draws
    if not np.isnan(areas[chosen]).all()
  ]
  return {"within": float(np.nanmean(areas))} | _interval(
    spread, ("within_low", "within_high")
  )


def _interval(
  spread: Sequence[float], names: tuple[str, str]
) -> dict[str, float]:
  """The middle 95% of what resamples gave; nothing where there are none."""
  if not spread:
    return {}
  low, high = np.nanpercentile(spread, [2.5, 97.5])
  return dict(zip(names, (float(low), float(high)), strict=True))
