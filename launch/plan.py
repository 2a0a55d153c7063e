r"""Says what a search takes of each device's memory, before it is run.

  python launch/plan.py --policy=llemma_7b --reward=llemma_34b --n=64 \
    --mesh=1,1 --mesh=1,2 --mesh=1,4 --mesh=1,8

Models are published architectures (inference_scaling/models/published.py) or
any checkpoint, whose weights are not read. See inference_scaling/decoding/.
"""

import pathlib

from absl import app, flags

from inference_scaling import decoding, launching, models
from inference_scaling.decoding.memory import abstract, table
from inference_scaling.decoding.memory import plan as memory
from inference_scaling.models import published

_POLICY = flags.DEFINE_string(
  "policy", "llemma_7b", "A published architecture's name, or a checkpoint."
)
_REWARD = flags.DEFINE_string(
  "reward", "llemma_34b", "The reward model, named like --policy; '' for none."
)
_REWARD_FORMAT = flags.DEFINE_enum(
  "reward_format", "llemma", [models.NATIVE_FORMAT, *models.EXTERNAL_FORMATS],
  "Format of the steps that the reward model reads.",
)  # fmt: skip
_DTYPE = flags.DEFINE_enum(
  "dtype", "bfloat16", models.DTYPES, "Dtype of weights, activations, caches."
)
_MESH = flags.DEFINE_multi_string(
  "mesh", ["1,1"], "Devices as DATA,MODEL, such as 1,8, one column each"
)
_CACHE = flags.DEFINE_enum(
  "cache", "dense", decoding.CACHES, "How keys and values of beams are kept."
)
_DEVICE = flags.DEFINE_float("device_gib", 80.0, "A device's memory in GiB.", 0)
_NUMBERS: dict[str, flags.FlagHolder] = {
  name: flags.DEFINE_integer(name, default, words, lower_bound=1)
  for name, default, words in (
    ("problems", 1, "Problems that are searched at once."),
    ("n", 64, "Beams of each problem."),
    ("rows", None, "Beams of a problem that work at once; by default all."),
    ("tree_tokens", None, "Distinct tokens of a tree; by default all."),
    ("prompt_tokens", 512, "Most tokens of a prompt."),
    ("step_tokens", 256, "Most tokens of a step."),
    ("total_tokens", 1024, "Most generated tokens of a beam."),
    ("max_steps", 25, "Most steps of a beam."),
    ("reward_step_tokens", 288, "Most of the reward model's tokens a step."),
    ("reward_total_tokens", 1280, "Most of the reward model's tokens a beam."),
  )
}


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f"unknown arguments: {argv[1:]}.")
  format = _REWARD_FORMAT.value
  size = {name: flag.value for name, flag in _NUMBERS.items()}
  P, N, rows = (size[name] for name in ("problems", "n", "rows"))
  plan = memory.Plan(
    abstract.Search(
      policy=architecture(_POLICY.value),
      reward=architecture(_REWARD.value) if _REWARD.value else None,
      reward_format=format,
      dtype=_DTYPE.value,
      limits=limits(size, ""),
      reward_limits=limits(size, "reward_"),
      cache=_CACHE.value, tree_tokens=size["tree_tokens"],
    )
  )  # fmt: skip
  reward = f"{_REWARD.value} ({format})" if _REWARD.value else "none"
  print(
    f"policy {_POLICY.value}, reward model {reward}, {_DTYPE.value}; P = {P}, "
    f"N = {N}; of {_DEVICE.value:g} GiB each:"
  )
  meshes = [launching.parse_mesh(text) for text in _MESH.value]
  print(table.table(plan, P, N, meshes, _DEVICE.value, rows))


def limits(size: dict[str, int], owner: str) -> decoding.Limits:
  step, total = (size[f"{owner}{name}_tokens"] for name in ("step", "total"))
  return decoding.Limits(size["prompt_tokens"], step, total, size["max_steps"])


def architecture(source: str) -> models.DecoderConfig:
  if source in published.published_names():
    return published.published_config(source)
  if "/" not in source and not pathlib.Path(source).exists():
    raise ValueError(
      f"{source!r} is neither a folder or file nor one of the published "
      f"architectures: {', '.join(published.published_names())}."
    )
  return models.open_checkpoint(source).config


if __name__ == "__main__":
  launching.run(main)
