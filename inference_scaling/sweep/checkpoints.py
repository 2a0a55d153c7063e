"""What a sweep knows of a checkpoint before its weights are loaded."""

import dataclasses
import re

from inference_scaling import compute, models, names
from inference_scaling.models.checkpoints import digest
from inference_scaling.sweep.ports import loading
from inference_scaling.sweep.ports import port as port_lib


@dataclasses.dataclass(frozen=True)
class Checkpoint:
  """A model that can be loaded.

  Attributes:
    source: as `models.open_checkpoint` takes it.
    opened: the opened checkpoint.
    cost: of its tokens.
    body: of a value head, the checkpoint of its body; "" for the one that the
      head names, and for all other models.
    body_sha256: of a value head, the digest of its body; "" for others.
    head_cost: of a value head, what its tokens cost where the body has read
      them before.
  """

  source: str
  opened: models.Checkpoint
  cost: compute.ModelCost
  body: str = ""
  body_sha256: str = ""
  head_cost: compute.ModelCost = compute.NO_COST

  @property
  def parameters(self) -> int:
    """Number of weights, from the architecture."""
    return self.cost.parameters

  @property
  def max_position_embeddings(self) -> int:
    """Longest text that the model was made for."""
    return self.opened.config.max_position_embeddings

  def sha256(self) -> str:
    """Digest of the files that decide what the model computes."""
    return digest.sha256(self.opened, self.source)


Model = Checkpoint | port_lib.Port


def policy(source: str) -> Model:
  """Looks at the checkpoint of a policy, or calls the maker of one.

  Args:
    source: as `models.open_checkpoint` takes it, or
      "python:package.module:maker".

  Returns:
    The checkpoint, or the port.

  Raises:
    FileNotFoundError: if it does not exist or lacks a file.
    ValueError: if the name is unknown or the architecture not supported, or for
      a maker or a port that is not as it should be.
  """
  if loading.is_port(source):
    return loading.load_policy(source)
  opened = _open(source)
  return Checkpoint(source, opened, compute.policy_cost(opened.config))


def reward(source: str, reward_format: str, body: str = "") -> Model:
  """Looks at the checkpoint of a reward model, or calls the maker of one.

  Args:
    source: as of `policy`.
    reward_format: as `models.load_reward_model` takes it, or "python" for a
      maker.
    body: of a value head, the checkpoint of its body; "" for the one that the
      head names.

  Returns:
    The checkpoint, or the port.

  Raises:
    FileNotFoundError: as `policy`.
    ValueError: as `policy`, or if the checkpoint cannot have this format or is
      a value head of another body.
  """
  if reward_format == names.PYTHON_REWARD:
    return loading.load_reward(source)
  if loading.is_port(source):
    raise ValueError(
      f"config.reward.source is {source}, a function of your own, but "
      f"config.reward.format is {reward_format!r}; expected "
      f"{names.PYTHON_REWARD!r}. Change one of the two."
    )
  if reward_format == names.VALUE_HEAD:
    return _value_head(source, body)
  opened = _open(source, *models.reward_architectures(reward_format))
  cost = (
    compute.reward_cost
    if reward_format == models.NATIVE_FORMAT
    else compute.step_reward_cost
  )
  return Checkpoint(source, opened, cost(opened.config))


def _value_head(source: str, body: str) -> Checkpoint:
  """Looks at a value head, and at whether its body is its own."""
  opened = models.open_value_head(source, body)
  description, whole = opened.description, opened.whole
  sha256 = digest.sha256(whole, body or description.body)
  if sha256 != description.body_sha256:
    raise ValueError(
      f"the value head in {source} was trained on hidden states of "
      f"{description.body}, whose files have the digest "
      f"{description.body_sha256}; its body, {body or description.body}, has "
      f"{sha256}. Give the checkpoint that it was trained on as "
      "config.reward.body."
    )
  checkpoint = opened.checkpoint
  head = compute.head_cost(description.parameters)
  return Checkpoint(
    source, checkpoint, compute.add_head(
      compute.step_reward_cost(checkpoint.config), head
    ),
    body=body, body_sha256=sha256, head_cost=head,
  )  # fmt: skip


def _open(source: str, *architectures: str) -> models.Checkpoint:
  """Opens a whole checkpoint, of some architectures where these are given."""
  try:
    opened = models.open_checkpoint(source)
    opened.require(*architectures)
    return opened
  except (OSError, ValueError) as error:
    if not re.fullmatch(r"[\w.]+:\w+", source):
      raise
    raise type(error)(
      f"{error}\nIf {source} names a function that makes a model, give "
      f"{names.PYTHON_PREFIX}{source}."
    ) from error
