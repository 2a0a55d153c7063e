r"""Pythia 410M to 12B on GSM8K: the compute-optimal model size.

  python launch/sweep.py --config=configs/pythia.py

Wu et al., "Inference Scaling Laws: An Empirical Analysis of Compute-Optimal
Inference for LLM Problem-Solving", ICLR 2025, https://arxiv.org/abs/2408.00724.
Figure 1: error against FLOPs for each size under weighted voting, and the size
that is best for each budget C: log10(C) = 1.19 log10(N) + 2.03.

The policies are fine-tuned on the GSM8K part of MetaMath and are not published;
first make them, one size after the other:

  python launch/train.py --config=configs/finetune_policy.py:pythia_410m \
    --workdir=runs/train/pythia_410m

Meant for 8 devices of 80 GiB (mesh data=1, model=8), in bfloat16. There

  python launch/plan.py --policy=pythia_12b --reward=llemma_34b --n=32 \
    --problems=4 --prompt_tokens=384 --reward_step_tokens=512 \
    --reward_total_tokens=2048 --mesh=1,8

says that it fits, with a peak of 29.4 GiB a device: 10.6 GiB of weights and
17.4 GiB of caches are held all the time.

`configs/pythia.py:gsm8k,runlocal` runs random models of the same architectures
on a CPU, in about two minutes.
"""

from collections.abc import Iterable

import ml_collections

from configs import common

# Sizes span a factor of 30: the small ones can afford more samples.
MANY = ("410m", "1.4b", "2.8b")
FEW = ("6.9b", "12b")


def get_config(arg: str = "gsm8k") -> ml_collections.ConfigDict:
  """Makes the config; "gsm8k,runlocal" shrinks it."""
  benchmark, local = common.split_argument(arg, ("gsm8k",))
  many = common.strategies(128, (), policies=names(MANY))
  few = common.strategies(32, (), policies=names(FEW))
  config = common.paper_sweep(
    benchmark,
    policies("runs/train/pythia_{}/model"),
    {
      **{f"{block}_many": runs for block, runs in many.items()},
      **{f"{block}_few": runs for block, runs in few.items()},
    },
    batch_size=128,
    reward_tokens=(512, 2048),
  )
  if local:
    common.shrink_models(
      config, policies("random/pythia_{}"), "random/llemma_34b"
    )
  return config


def names(sizes: Iterable[str]) -> tuple[str, ...]:
  """Names of policies; keys of a config hold no dot."""
  return tuple(f"pythia_{size.replace('.', '_')}" for size in sizes)


def policies(source: str) -> dict[str, str]:
  """Sources of all policies by name."""
  sizes = MANY + FEW
  return dict(zip(names(sizes), map(source.format, sizes), strict=True))
