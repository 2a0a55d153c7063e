"""What a sweep knows of a checkpoint before its weights are loaded."""

import dataclasses
import hashlib
import pathlib

from inference_scaling import compute, models

# Of a larger file the name, the size and both ends are hashed: reading the
# tens of gigabytes of a 34B model would take minutes at each start.
_WHOLE = 1 << 30
_ENDS = 1 << 20


@dataclasses.dataclass(frozen=True)
class Checkpoint:
  """A model that can be loaded.

  Attributes:
    source: as `models.open_checkpoint` takes it.
    found: the opened checkpoint.
    cost: of its tokens.
  """

  source: str
  found: models.Checkpoint
  cost: compute.ModelCost

  @property
  def parameters(self) -> int:
    """Number of weights, from the architecture."""
    return self.cost.parameters

  @property
  def max_position_embeddings(self) -> int:
    """Longest text that the model was made for."""
    return self.found.config.max_position_embeddings

  def sha256(self) -> str:
    """Digest of the files that decide what the model computes."""
    digest = hashlib.sha256(self.source.encode() if self._unnamed else b"")
    for path in self.found.files():
      digest.update(f"{path.name} {_file_digest(path)}\n".encode())
    return digest.hexdigest()

  @property
  def _unnamed(self) -> bool:
    """Whether there is no file: a random model is known by its name alone."""
    return not self.found.files()


def policy(source: str) -> Checkpoint:
  """Looks at the checkpoint of a policy.

  Args:
    source: as `models.open_checkpoint` takes it.

  Returns:
    The checkpoint.

  Raises:
    FileNotFoundError: if it does not exist or lacks a file.
    ValueError: if the name is unknown or the architecture not supported.
  """
  found = models.open_checkpoint(source)
  found.require()
  return Checkpoint(source, found, compute.policy_cost(found.config))


def reward(source: str, form: str) -> Checkpoint:
  """Looks at the checkpoint of a reward model.

  Args:
    source: as `models.open_checkpoint` takes it.
    form: as `models.load_reward_model` takes it.

  Returns:
    The checkpoint.

  Raises:
    FileNotFoundError: as `policy`.
    ValueError: as `policy`, or if the checkpoint cannot have this form.
  """
  found = models.open_checkpoint(source)
  found.require(*models.reward_architectures(form))
  cost = (
    compute.reward_cost if form == models.OWN_FORM else compute.step_reward_cost
  )
  return Checkpoint(source, found, cost(found.config))


def _file_digest(path: pathlib.Path) -> str:
  size = path.stat().st_size
  with path.open("rb") as file:
    if size <= _WHOLE:
      return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256(str(size).encode())
    digest.update(file.read(_ENDS))
    file.seek(-_ENDS, 2)
    digest.update(file.read())
    return digest.hexdigest()
