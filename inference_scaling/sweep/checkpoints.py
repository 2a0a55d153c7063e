"""What a sweep knows of a checkpoint folder before its weights are loaded."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Callable
from typing import Any

from inference_scaling import assets, compute
from inference_scaling.models import config as model_config


@dataclasses.dataclass(frozen=True)
class Checkpoint:
  """A folder with a model.

  Attributes:
    folder: where it is.
    parameters: number of weights, from config.json.
    cost: of its tokens.
    max_position_embeddings: longest text that the model was made for.
  """

  folder: pathlib.Path
  parameters: int
  cost: compute.ModelCost
  max_position_embeddings: int

  def sha256(self) -> str:
    """Digest of the files that decide what the model computes."""
    digest = hashlib.sha256()
    for path in sorted(self.folder.iterdir()):
      if path.suffix == ".safetensors" or path.name in _FILES:
        with path.open("rb") as file:
          one = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{path.name} {one}\n".encode())
    return digest.hexdigest()


_FILES = ("config.json", "tokenizer.json")


def policy(name: str) -> Checkpoint:
  """Looks at the checkpoint of a policy.

  Args:
    name: a path, or "embedded/" and the name of an embedded model.

  Returns:
    The checkpoint.

  Raises:
    FileNotFoundError: if there is no config.json.
    ValueError: if the name is unknown or the architecture not supported.
  """
  return _read(name, None, compute.policy_cost)


def reward(name: str) -> Checkpoint:
  """Looks at the checkpoint of a reward model; as `policy`."""
  expected = (model_config.REWARD_ARCHITECTURE,)
  return _read(name, expected, compute.reward_cost)


def _read(
  name: str,
  architectures: tuple[str, ...] | None,
  cost: Callable[[Any], compute.ModelCost],
) -> Checkpoint:
  folder = assets.resolve(name)
  config = model_config.read_config(folder, architectures)
  costs = cost(config)
  return Checkpoint(
    folder, costs.parameters, costs, config.max_position_embeddings
  )
