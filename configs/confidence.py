"""Votes by how sure the policy was, and DeepConf online, embedded models.

  python launch/sweep.py --config=configs/confidence.py
  python launch/sweep.py --config=configs/confidence.py:online

Fu et al., "Deep Think with Confidence", 2025, https://arxiv.org/abs/2508.15260
and Taubenfeld et al., "Confidence Improves Self-Consistency in LLMs", 2025,
https://arxiv.org/abs/2502.06233.

The first keeps how sure the policy was of the tokens of 32 samples, scored by
the embedded reward model, too: majority, weighted and all votes by confidence
are read from one record. With ":online" the samples are the same, their scores
are those of the lowest group of tokens, and DeepConf stops samples: keeping 90%
(conservative) or 10%, and with an end once the votes agree. Groups are of 16
tokens, since solutions have some 60; the paper's of 2048.

The first took a minute of one core, the second three. Expect 86.7% of the
middle policy's majority votes of 32 samples, 95.0% weighted by the reward
model, and 61.7% by the confidence of the surest 10% of the samples alone: these
policies are not to be trusted where they are sure. Online, keeping 90% has
88.3% for 99% of the FLOPs, and for 80% with the consensus.
"""

from typing import Any

import ml_collections

from configs import common

POLICIES = ("small", "middle")
COUNT, N, WARMUP = 60, 32, 8
CONFIDENCE = {"window": 16, "tail": 16}
GROUPS = {"format": "group_confidence"}


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  """Makes the config of the votes or of the search.

  Args:
    arg: nothing or "online"; "runlocal", or ",runlocal" behind it, shrinks it
      to a check that everything runs.

  Returns:
    The config.
  """
  online, local = common.split_argument(arg, ("", "online"))
  runs: dict[str, dict[str, Any]] = {
    "sampling": {"strategy": "sampling", "n": (N,)}
  }
  if online:
    runs |= deepconf_runs((N,))
  config = common.embedded_sweep(
    POLICIES, COUNT, runs, 256, GROUPS if online else None,
    confidence=CONFIDENCE,
  )  # fmt: skip
  return shrink(config) if local else config


def deepconf_runs(sizes: tuple[int, ...]) -> dict[str, dict[str, Any]]:
  """Blocks of runs of DeepConf: conservative, low, and with a consensus.

  Args:
    sizes: n, the most samples.

  Returns:
    `config.runs`.
  """
  return {
    name: {
      "strategy": f"deepconf/{name}", "n": sizes, "warmup": WARMUP, **numbers
    }
    for name, numbers in (
      ("high", {"percent": 90}),
      ("low", {"percent": 10}),
      ("agreed", {"percent": 90, "batch": 4, "consensus": 0.95}),
    )
  }  # fmt: skip


def shrink(config: common.Config) -> ml_collections.ConfigDict:
  """Shrinks a sweep with DeepConf to a check that everything runs.

  Args:
    config: of `common.embedded_sweep`; it is changed.

  Returns:
    The config.
  """
  common.shrink(config)
  for block in config.runs.values():
    if "warmup" in block:
      block.warmup = 2  # or none of the 4 samples could be stopped
  return config
