"""What each sample of a record has cost: its share of the record's FLOPs.

A ledger tells the FLOPs of a record's prompts and of all its samples together.
In `paper` and `with_reward` a sample's share is that of its tokens. In `full` a
token costs the same products wherever it stands, and attention to all tokens
before it: t tokens behind a prompt of L attend to t (L + 1) + t (t - 1) / 2
positions. How much a position costs beside a token is the same for all records
of a model, so that their ledgers tell it, by least squares; where they do not
(sliding windows, a reward model with tokens of its own), shares are those of
tokens in `full`, too.

Axis letters: N samples, R records.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from inference_scaling import names
from inference_scaling.analysis.records import load

_EXACT = 1e-6  # relative error of a fit that is none but rounding
# Where a record's four numbers of FLOPs stand: prompts, and the rest.
POLICY, REWARD = 0, 2


class Costs(NamedTuple):
  """FLOPs of one record in one convention.

  Attributes:
    prompts: of the prompts.
    samples: float64[N], of each sample behind them.
  """

  prompts: float
  samples: np.ndarray


def sample_costs(
  run: Sequence[load.Record], *, reward: bool
) -> list[dict[str, Costs]]:
  """FLOPs of each sample of independent ones.

  Args:
    run: records of one policy, whose samples are all that it has computed.
    reward: whether the reward model is charged.

  Returns:
    For each record, convention -> Costs.
  """
  models = (POLICY, REWARD) if reward else (POLICY,)
  ratios = {model: _per_position(run, model) for model in models}
  costs = []
  for record in run:
    by_convention = {}
    for convention in names.CONVENTIONS:
      flops = record.flops[convention]
      samples = np.zeros(len(record.answers))
      for model in models:
        ratio = ratios[model] if convention == names.FULL else 0.0
        samples += flops[model + 1] * _shares(record, ratio)
      prompts = sum(flops[model] for model in models)
      by_convention[convention] = Costs(prompts, samples)
    costs.append(by_convention)
  return costs


def _shares(record: load.Record, per_position: float) -> np.ndarray:
  """The share of each sample, float64[N], where positions cost so many tokens.

  Args:
    record: the record.
    per_position: what a position costs, in units of a token.
  """
  units = record.candidate_tokens + per_position * _positions(record)
  total = units.sum()
  if total <= 0:
    return np.full(len(units), 1 / max(len(units), 1))
  return units / total


def _positions(record: load.Record) -> np.ndarray:
  """Positions that the tokens of each sample attend to, float64[N]."""
  tokens = record.candidate_tokens.astype(float)
  prompt = record.prompt_tokens or 0
  return tokens * (prompt + 1) + tokens * (tokens - 1) / 2


def _per_position(run: Sequence[load.Record], model: int) -> float:
  """What a position costs in a model, in units of a token; 0 if unknown."""
  table = np.array(
    [[r.candidate_tokens.sum(), _positions(r).sum()] for r in run], float
  )
  spent = np.array([record.flops[names.FULL][model + 1] for record in run])
  if len(run) < 2 or any(record.prompt_tokens is None for record in run):
    return 0.0
  scale = np.maximum(table.max(axis=0), 1.0)
  (token, position), _, rank, _ = np.linalg.lstsq(table / scale, spent)
  token, position = token / scale[0], position / scale[1]
  error = np.abs(table @ [token, position] - spent)
  if rank < 2 or (error > _EXACT * spent).any() or token <= 0 or position < 0:
    return 0.0
  return position / token
