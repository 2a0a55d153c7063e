"""What a reward model is worth: ROC and calibration on held-out steps."""

import pathlib
from typing import Any

import jax
import numpy as np
from matplotlib import figure

from inference_scaling import models
from inference_scaling.training import (
  loop,
  roc,
)
from inference_scaling.training.data import reward_data

_BATCH = 128
# Okabe and Ito's colours, told apart by colour-blind readers.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
_LINES = ("-", "--", ":", "-.")


def score_steps(
  model: models.RewardModel,
  params: loop.Parameters,
  drawn: reward_data.Solutions,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Scores all steps of drawn solutions.

  Args:
    model: the reward model.
    params: its weights.
    drawn: labelled solutions.

  Returns:
    For each step its label bool[M], score float[M] and the row of its
    solution int[M].
  """

  @jax.jit
  def score(params: loop.Parameters, batch: Any) -> jax.Array:
    head_state = model.encode_all(
      params, batch["tokens"], batch["reward_weights"] > 0
    )
    return model.rewards(params, head_state)

  count = len(drawn["lengths"])
  length = drawn["tokens"].shape[1]
  rows = np.arange(-(-count // _BATCH) * _BATCH) % count  # one program
  scores = np.concatenate(
    [
      np.asarray(
        score(
          params,
          reward_data.labelled_batch(
            drawn, rows[first : first + _BATCH], length, end_weight=1.0
          ),
        )
      )
      for first in range(0, len(rows), _BATCH)
    ]
  )[:count]
  ends = drawn["ends"]
  return drawn["good"][ends], scores[ends], np.nonzero(ends)[0]


def make_evaluation(
  model: models.RewardModel, drawn: reward_data.Solutions, size: int
) -> loop.Evaluation:
  """Makes the evaluation during training.

  Args:
    model: the model that is trained.
    drawn: held-out solutions.
    size: how many of them to use, spread over all policies and levels.

  Returns:
    A function of parameters, giving the area under the ROC curve per step for
    each policy (by rank of its name) and over all.
  """
  rows = np.linspace(0, len(drawn["lengths"]) - 1, size).astype(int)
  subset = {name: values[rows] for name, values in drawn.items()}

  def evaluate(params: loop.Parameters) -> dict[str, float]:
    labels, scores, owners = score_steps(model, params, subset)
    metrics = {"area": roc.roc_area(labels, scores)}
    for rank in np.unique(subset["policies"]):
      drawn_by = subset["policies"][owners] == rank
      metrics[f"area_{rank}"] = roc.roc_area(labels[drawn_by], scores[drawn_by])
    return metrics

  return evaluate


def draw_curves(
  model: models.RewardModel,
  drawn: reward_data.Solutions,
  names: list[str],
  folder: pathlib.Path,
) -> dict[str, dict[str, float]]:
  """Draws reward.png, ROC and calibration by policy, and sums them up.

  Args:
    model: the reward model.
    drawn: held-out solutions.
    names: of the policies, sorted.
    folder: created where missing.

  Returns:
    For each policy the share of right solutions, the area under the ROC curve
    per step (both again for levels 4 to 6), the mean label and score of a
    step, and the number of steps.
  """
  folder.mkdir(parents=True, exist_ok=True)
  labels, scores, owners = score_steps(model, model.params, drawn)
  policies, levels = drawn["policies"][owners], drawn["levels"][owners]
  is_right = drawn["good"][np.arange(len(drawn["good"])), drawn["lengths"] - 1]
  summary = {}
  picture = figure.Figure(figsize=(9, 4), layout="constrained")
  left, right = picture.subplots(1, 2)
  for rank, name in enumerate(names):
    drawn_by = policies == rank
    hard = drawn_by & (levels >= 4)
    solved = is_right[drawn["policies"] == rank]
    solved_hard = is_right[(drawn["policies"] == rank) & (drawn["levels"] >= 4)]
    summary[name] = {
      "accuracy": float(solved.mean()),
      "accuracy_hard": float(solved_hard.mean()),
      "area": roc.roc_area(labels[drawn_by], scores[drawn_by]),
      "area_hard": roc.roc_area(labels[hard], scores[hard]),
      "good": float(labels[drawn_by].mean()),
      "score": float(scores[drawn_by].mean()),
      "steps": int(drawn_by.sum()),
    }
    style = {
      "color": _COLOURS[rank % len(_COLOURS)],
      "linestyle": _LINES[rank % len(_LINES)],
      "label": f"{name} (area {summary[name]['area']:.3f})",
    }
    left.plot(*roc.roc_curve(labels[drawn_by], scores[drawn_by]), **style)
    means, shares, counts = roc.calibration(labels[drawn_by], scores[drawn_by])
    right.plot(means, shares, **style)
    # The area of a point says how many steps it stands for.
    sizes = 600 * counts / counts.sum()
    right.scatter(means, shares, s=sizes, color=style["color"], alpha=0.6)
  _finish(left, "bad steps taken for good", "good steps taken for good")
  _finish(right, "reward", "share of good steps")
  left.set_title("Steps told apart, by policy")
  right.set_title("Calibration")
  picture.savefig(folder / "reward.png", dpi=150)
  return summary


def _finish(axes: Any, across: str, up: str) -> None:
  axes.plot([0, 1], [0, 1], color="0.7", linewidth=1, zorder=0)
  axes.set(xlabel=across, ylabel=up, xlim=(0, 1), ylim=(0, 1.01))
  axes.legend(loc="lower right", fontsize=8)
