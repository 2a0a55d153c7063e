"""Language models and reward models in Flax, and where they are loaded from.

`layers/` computes a decoder, `families/` reads and writes its config as others
do, `sources/` opens their files, `checkpoints/` makes parameters of them,
`quantisation/` makes those of one byte, `text/` tokenizes, `rewards/` scores,
and `reward_formats/` holds the texts that published reward models read.
"""

from inference_scaling.models.checkpoints.checkpoint import (
  Checkpoint,
  open_checkpoint,
  read_architecture,
)
from inference_scaling.models.checkpoints.loading import DTYPES, FLOAT_DTYPES
from inference_scaling.models.config import DecoderConfig, RopeScaling
from inference_scaling.models.layers.attention import Segment
from inference_scaling.models.model import (
  Model,
  initial_model,
  load_model,
  save_model,
)
from inference_scaling.models.reward_formats import RewardFormat
from inference_scaling.models.rewards.loading import (
  EXTERNAL_FORMATS,
  NATIVE_FORMAT,
  load_reward_model,
  reward_architectures,
)
from inference_scaling.models.rewards.model import (
  RewardModel,
  initial_reward_model,
  save_reward_model,
)
from inference_scaling.models.rewards.value_loading import (
  HeadAlone,
  load_value_head,
  load_value_model,
  open_value_head,
)
from inference_scaling.models.sharding import (
  RULES,
  TRAINING_RULES,
  make_mesh,
  parameter_shardings,
)

__all__ = [
  "DTYPES",
  "EXTERNAL_FORMATS",
  "FLOAT_DTYPES",
  "NATIVE_FORMAT",
  "RULES",
  "TRAINING_RULES",
  "Checkpoint",
  "DecoderConfig",
  "HeadAlone",
  "Model",
  "RewardFormat",
  "RewardModel",
  "RopeScaling",
  "Segment",
  "initial_model",
  "initial_reward_model",
  "load_model",
  "load_reward_model",
  "load_value_head",
  "load_value_model",
  "make_mesh",
  "open_checkpoint",
  "open_value_head",
  "parameter_shardings",
  "read_architecture",
  "reward_architectures",
  "save_model",
  "save_reward_model",
]
