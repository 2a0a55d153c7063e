"""Fine-tunes the paper's policies on MetaMath in step-wise form.

  python launch/train.py --config=configs/finetune_policy.py:llemma_7b \
    --workdir=runs/train/llemma_7b

Wu et al., "Inference Scaling Laws: An Empirical Analysis of Compute-Optimal
Inference for LLM Problem-Solving", ICLR 2025, https://arxiv.org/abs/2408.00724.
Table 2, one epoch, all parameters, batch 128:

  | model       | rate | length | dtype   | MetaMath | greedy, MATH / GSM8K |
  | pythia_410m | 8e-5 |    768 | float32 | GSM8K's  |                      |
  | pythia_1.4b | 4e-5 |    768 | float32 | GSM8K's  |                      |
  | pythia_2.8b | 3e-5 |    768 | float32 | GSM8K's  |                      |
  | pythia_6.9b | 2e-5 |    768 | float32 | GSM8K's  |                      |
  | pythia_12b  | 1e-5 |    768 | float32 | GSM8K's  |                      |
  | llemma_7b   | 8e-6 |   1024 | float32 | all      |          30.0 / 68.5 |
  | llemma_34b  | 8e-6 |    768 | float32 | all      |          33.0 / 78.4 |
  | mistral_7b  |      |        |         | all      |          28.6 / 77.9 |

The last column is what the policy then reaches with one greedy sample (Table
4); for Pythia the paper shows curves only (Figure 1). Mistral-7B's numbers are
not in the table: those of Llemma-7B are taken. Longer texts are left out, and
counted in the log. How MetaMath is put into steps and what the optimizer is
are not said either: see training/data/finetune_rows.py and
training/finetune.py.

Meant for 8 devices of 80 GiB, and llemma_34b for 16: weights, gradients and
moments take 16 bytes a weight, split over all of them (12.6 GiB a device for
llemma_7b, 31.5 GiB for llemma_34b). MetaMath has 395,000 rows, 240,000 of them
of GSM8K: about 3,080 and 1,870 steps.

`configs/finetune_policy.py:llemma_7b,runlocal` takes a few steps with a tiny
random model of the same architecture on the synthetic benchmark, on a CPU in
half a minute.
"""

import ml_collections

from configs import common

# Rate, length, rows at once, and the mesh.
RUNS = {
  "pythia_410m": (8e-5, 768, 64, (8, 1)),
  "pythia_1.4b": (4e-5, 768, 32, (8, 1)),
  "pythia_2.8b": (3e-5, 768, 16, (8, 1)),
  "pythia_6.9b": (2e-5, 768, 16, (8, 1)),
  "pythia_12b": (1e-5, 768, 8, (8, 1)),
  "llemma_7b": (8e-6, 1024, 16, (8, 1)),
  "llemma_34b": (8e-6, 768, 8, (8, 2)),
  "mistral_7b": (8e-6, 1024, 16, (8, 1)),
}
STARTS = {
  "pythia_410m": "EleutherAI/pythia-410m",
  "pythia_1.4b": "EleutherAI/pythia-1.4b",
  "pythia_2.8b": "EleutherAI/pythia-2.8b",
  "pythia_6.9b": "EleutherAI/pythia-6.9b",
  "pythia_12b": "EleutherAI/pythia-12b",
  "llemma_7b": "EleutherAI/llemma_7b",
  "llemma_34b": "EleutherAI/llemma_34b",
  "mistral_7b": "mistralai/Mistral-7B-v0.1",
}


def get_config(arg: str = "pythia_410m") -> ml_collections.ConfigDict:
  """Makes the config of one policy; ",runlocal" shrinks it."""
  name, local = common.split_argument(arg, RUNS)
  rate, length, rows, (data, model) = RUNS[name]
  config = ml_collections.ConfigDict()
  config.kind = "finetune_policy"
  config.seed = 0
  config.start = STARTS[name]
  config.data = {
    "source": "hub:meta-math/MetaMathQA:MetaMathQA-395K.json",
    "types": ("GSM_",) if name.startswith("pythia") else (),
  }
  config.held_out = 512
  config.epochs = 1
  config.batch_size = 128
  config.microbatch_size = rows
  config.max_length = length
  config.dtype = "float32"
  config.mesh = {"data": data, "model": model}
  config.learning_rate = rate
  config.warmup_fraction = 0.03
  config.weight_decay = 0.0
  config.clip_norm = 1.0
  config.checkpoint_every = 200
  config.evaluate_every = 200
  if local:
    config.start = f"random/{name}"
    config.data["source"] = "synthetic:72"
    config.held_out = 8
    config.epochs = 2
    config.batch_size = 16
    config.microbatch_size = 8
    config.mesh = {"data": 1, "model": 1}
    config.learning_rate = 0.01
    config.checkpoint_every = 4
    config.evaluate_every = 4
  return config
