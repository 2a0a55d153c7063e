"""Fine-tunes the paper's reward model on Math-Shepherd.

  python launch/train.py --config=configs/finetune_reward.py:llemma_34b \
    --workdir=runs/train/reward_llemma_34b

Wu et al., "Inference Scaling Laws: An Empirical Analysis of Compute-Optimal
Inference for LLM Problem-Solving", ICLR 2025, https://arxiv.org/abs/2408.00724.
Table 2, all parameters, batch 128:

  | model      | rate | length | dtype    | data                     |
  | llemma_34b | 1e-5 |    768 | bfloat16 | Math-Shepherd, two epochs |

One head, read at the end of each step; binary cross-entropy there and nowhere
else. Weights and moments stay float32, since a step of 1e-5 would vanish in
bfloat16; products are bfloat16. The paper gives no accuracy of the reward model
itself: it shows in weighted voting against majority voting (Table 4, Llemma-7B,
REBASE, n = 32: 46.8 against 46.1 on MATH500, 87.3 against 86.1 on GSM8K).

Meant for 16 devices of 80 GiB (mesh data=8, model=2): weights, gradients and
moments take 31.5 GiB on each. Math-Shepherd has 445,000 rows: about 6,900
steps. `llemma_7b` makes a smaller one, on 8 devices.

`configs/finetune_reward.py:llemma_34b,runlocal` takes a few steps with a tiny
random model of the same architecture on the synthetic benchmark, on a CPU in
half a minute.
"""

import ml_collections

from configs import common

# Rows at once, and the mesh.
RUNS = {"llemma_34b": (8, (8, 2)), "llemma_7b": (16, (8, 1))}


def get_config(arg: str = "llemma_34b") -> ml_collections.ConfigDict:
  """Makes the config of one reward model; ",runlocal" shrinks it."""
  name, local = common.split_argument(arg, RUNS)
  rows, (data, model) = RUNS[name]
  config = ml_collections.ConfigDict()
  config.kind = "finetune_reward"
  config.seed = 0
  config.start = f"EleutherAI/{name}"
  config.data = {"source": "hub:peiyi9979/Math-Shepherd:math-shepherd.jsonl"}
  config.held_out = 512
  config.epochs = 2
  config.batch_size = 128
  config.microbatch_size = rows
  config.max_length = 768
  config.dtype = "bfloat16"
  config.mesh = {"data": data, "model": model}
  config.learning_rate = 1e-5
  config.warmup_fraction = 0.03
  config.weight_decay = 0.0
  config.clip_norm = 1.0
  config.checkpoint_every = 200
  config.evaluate_every = 200
  if local:
    config.start = f"random/{name}"
    config.data["source"] = "synthetic:72"
    config.held_out = 8
    config.batch_size = 16
    config.microbatch_size = 8
    config.dtype = "float32"
    config.mesh = {"data": 1, "model": 1}
    config.learning_rate = 0.01
    config.checkpoint_every = 4
    config.evaluate_every = 4
  return config
