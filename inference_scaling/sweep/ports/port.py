"""A port with what a sweep knows of a checkpoint, and checked calls of it."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from inference_scaling import compute, decoding, tasks
from inference_scaling.search.checks import entries
from inference_scaling.sweep.ports import checks, makers


@dataclasses.dataclass(frozen=True, eq=False)
class Port:
  """A port with what a sweep knows of a checkpoint, and checked calls.

  Attributes:
    source: "python:package.module:maker".
    given: what the maker returned.
    module: file of the maker's module.
  """

  source: str
  given: makers.PolicyPort | makers.RewardPort
  module: pathlib.Path | None

  @property
  def policy(self) -> makers.PolicyPort:
    """What the maker of a policy returned."""
    if not isinstance(self.given, makers.PolicyPort):
      raise TypeError(f"{self.source} makes a reward; expected a policy")
    return self.given

  @property
  def parameters(self) -> int:
    """Number of weights."""
    if self.given.parameters is not None:
      return self.given.parameters
    return sum(np.size(leaf) for leaf in jax.tree.leaves(self.given.weights))

  @property
  def cost(self) -> compute.ModelCost:
    """Of its tokens; attention and unembedding are in `flops_per_token`."""
    per_token: Any = self.given.flops_per_token
    if per_token is None:
      per_token = 2 * self.parameters
    return compute.ModelCost(self.parameters, per_token, 0, 0)

  def sha256(self) -> str:
    """Digest of its version, or of its weights and its maker's module.

    The maker's name, which `spec.growth` compares, is not in it.
    """
    if self.given.version is not None:
      return hashlib.sha256(self.given.version.encode()).hexdigest()
    assert self.module is not None  # or `loading` asks for a version
    digest = hashlib.sha256(self.module.read_bytes())
    leaves = jax.tree_util.tree_leaves_with_path(self.given.weights)
    for path, leaf in leaves:
      array = np.asarray(leaf)
      name = f"{jax.tree_util.keystr(path)} {array.dtype}{array.shape}"
      digest.update(f"\n{name} ".encode() + array.tobytes())
    return digest.hexdigest()

  def call(self, name: str, *arguments: Any) -> Any:
    """Calls a function of the port.

    Args:
      name: of the function.
      *arguments: its arguments.

    Returns:
      What it returns.

    Raises:
      ValueError: if it raises; the message names port, function and cause.
    """
    return checks.call(
      f"{self.source}: {name}", getattr(self.given, name), arguments
    )

  def make(self, num_beams: int) -> Any:
    """Makes the policy or the reward for N beams.

    Args:
      num_beams: N.

    Returns:
      The object.

    Raises:
      ValueError: if it lacks a function, holds arrays or cannot be hashed.
    """
    made = self.call("make", num_beams)
    where = f"{self.source}: make({num_beams})"
    is_policy = isinstance(self.given, makers.PolicyPort)
    check = entries.check_policy if is_policy else entries.check_reward
    try:
      check(made)
      entries.check_hashable(made, made)
    except ValueError as error:
      raise ValueError(f"{where}: {error}") from error
    if is_policy and made.num_beams != num_beams:
      raise ValueError(
        f"{where}: the policy's num_beams is {made.num_beams}; expected "
        f"{num_beams}."
      )
    checks.check_static(where, made)
    return made

  def params(self, temperature: float, top_k: int, top_p: float) -> Any:
    """What the policy's functions are given, for one sampler.

    Args:
      temperature: 0 for greedy decoding.
      top_k: 0 for no limit.
      top_p: 1 for no limit.

    Returns:
      A pytree of arrays.

    Raises:
      ValueError: if the port raises, or returns anything else.
    """
    arrays = self.call(
      "params", self.given.weights, jnp.float32(temperature), jnp.int32(top_k),
      jnp.float32(top_p),
    )  # fmt: skip
    checks.check_arrays(f"{self.source}: params", arrays)
    return arrays

  def text(self, steps: Sequence[Any]) -> str:
    """The text of steps.

    Args:
      steps: contents, in NumPy.

    Returns:
      The text.

    Raises:
      ValueError: if the port raises, or returns anything else, as half of a
        character.
    """
    text = self.call("decode", steps)
    checks.check_text(f"{self.source}: decode of {len(steps)} steps", text)
    return text

  def encode(
    self, problems: Sequence[tasks.Problem]
  ) -> list[decoding.EncodedProblem]:
    """Encodes problems.

    Args:
      problems: the problems.

    Returns:
      The same, encoded.

    Raises:
      ValueError: names a problem that the port cannot encode, or whose prompt
        has other shapes than the first one's.
    """
    encoded, first = [], None
    for problem in problems:
      where = f"{self.source}: problem {problem.id}"
      prompt = checks.call(
        f"{where}: encode", self.policy.encode, (problem.question,)
      )
      checks.check_arrays(f"{where}: encode", prompt)
      tokens = checks.call(
        f"{where}: count_tokens", self.policy.count_tokens, (prompt,)
      )
      checks.check_number(f"{where}: count_tokens", tokens, whole=True)
      prompt = jax.tree.map(lambda leaf: np.asarray(jnp.asarray(leaf)), prompt)
      shapes = _shapes(prompt)
      first = first or (problem.id, shapes)
      if shapes != first[1]:
        raise ValueError(
          f"{where}: its prompt is {shapes}, that of problem {first[0]} "
          f"{first[1]}; expected the same shapes for all. Pad the prompts."
        )
      prompt = jax.tree.map(lambda leaf: leaf[None], prompt)
      encoded.append(decoding.EncodedProblem(problem.id, prompt, int(tokens)))
    return encoded


def _shapes(tree: Any) -> str:
  """Structure, shapes and dtypes of a pytree, in words."""
  return str(jax.tree.map(lambda leaf: f"{leaf.dtype}{leaf.shape}", tree))
