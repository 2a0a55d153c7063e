r"""Says what a search takes of each device's memory, before it is run.

  python launch/plan.py --policy=llemma_7b --reward=llemma_34b --n=64 \
    --mesh=1,1 --mesh=1,2 --mesh=1,4 --mesh=1,8

Models are published architectures (inference_scaling/models/published.py) or
any checkpoint, of which only config.json is read; no weight is loaded. How the
bytes are counted is said in inference_scaling/decoding/memory.py.
"""

import pathlib

from absl import app, flags

from inference_scaling import decoding, launching, models
from inference_scaling.decoding import abstract, memory, memory_table
from inference_scaling.models import published

_POLICY = flags.DEFINE_string("policy", "llemma_7b", "A name or checkpoint.")
_REWARD = flags.DEFINE_string("reward", "llemma_34b", "Likewise; '' for none.")
_FORM = flags.DEFINE_enum(
  "reward_form",
  "llemma",
  [models.OWN_FORM, *models.FOREIGN_FORMS],
  "What the reward model reads.",
)
_DTYPE = flags.DEFINE_enum(
  "dtype", "bfloat16", ["bfloat16", "float16", "float32"], "Of the weights."
)
_MESH = flags.DEFINE_multi_string(
  "mesh", ["1,1"], "Devices as data,model; may be repeated."
)
_CACHE = flags.DEFINE_enum("cache", "dense", decoding.CACHES, "Of beams.")
_DEVICE = flags.DEFINE_float("device_gib", 80.0, "Memory of a device.")
_NUMBERS = {
  name: flags.DEFINE_integer(name, default, words, lower_bound=1)
  for name, default, words in (
    ("problems", 1, "P, problems in flight."),
    ("n", 64, "N, beams of a problem."),
    ("rows", None, "R, how many of them work at once; all if not given."),
    ("tree_tokens", None, "Distinct tokens of a tree; all if not given."),
    ("prompt_tokens", 512, "Longest prompt."),
    ("step_tokens", 256, "Most tokens of a step."),
    ("total_tokens", 1024, "Most generated tokens of a beam."),
    ("max_steps", 25, "Most steps of a beam."),
    ("reward_step_tokens", 288, "Likewise, in the reward model's tokens."),
    ("reward_total_tokens", 1280, "Likewise."),
  )
}


def main(argv):
  if len(argv) > 1:
    raise app.UsageError(f"unknown arguments: {argv[1:]}.")
  number = {name: flag.value for name, flag in _NUMBERS.items()}
  prompt, steps = number["prompt_tokens"], number["max_steps"]
  meshes = [launching.parse_mesh(text) for text in _MESH.value]
  plan = memory.Plan(
    abstract.Search(
      policy=architecture(_POLICY.value),
      reward=architecture(_REWARD.value) if _REWARD.value else None,
      form=_FORM.value,
      dtype=_DTYPE.value,
      limits=decoding.Limits(
        prompt, number["step_tokens"], number["total_tokens"], steps
      ),
      reward_limits=decoding.Limits(
        prompt, number["reward_step_tokens"], number["reward_total_tokens"],
        steps,
      ),
      cache=_CACHE.value,
      tree_tokens=number["tree_tokens"],
    )
  )  # fmt: skip
  judge = f"{_REWARD.value} ({_FORM.value})" if _REWARD.value else "none"
  print(
    f"policy {_POLICY.value}, reward model {judge}, {_DTYPE.value}; "
    f"P = {number['problems']}, N = {number['n']}; of each device's "
    f"{_DEVICE.value:g} GiB:"
  )
  sizes = (number["problems"], number["n"], meshes, _DEVICE.value)
  print(memory_table.table(plan, *sizes, number["rows"]))


def architecture(source):
  if source in published.published_names():
    return published.published_config(source)
  if "/" not in source and not pathlib.Path(source).exists():
    raise ValueError(
      f"{source!r} is neither a folder or file here nor one of the published "
      f"architectures: {', '.join(published.published_names())}."
    )
  return models.open_checkpoint(source).config


if __name__ == "__main__":
  launching.run(main)
