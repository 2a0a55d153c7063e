r"""Says what a search takes of each device's memory, before it is run.

  python launch/plan.py --policy=llemma_7b --reward=llemma_34b --n=64 \
    --mesh=1,1 --mesh=1,2 --mesh=1,4 --mesh=1,8

from shapes alone, in seconds. With --target=v6e:2x4 (or v5e, v5p and h200, and
several of them) the programs are compiled for devices that need not be there,
and their memory, traffic and speed limits are printed; with --config=FILE those
of a sweep. Models are published architectures, or any checkpoint, whose weights
are not read. See inference_scaling/plan/ and inference_scaling/decoding/.
"""

from absl import app, flags
from ml_collections import config_flags

from inference_scaling import decoding, launching, models, names, plan
from inference_scaling.decoding.memory import plan as memory
from inference_scaling.decoding.memory import table

_CONFIG = config_flags.DEFINE_config_file(
  "config", None, "The config file of a sweep, for --target."
)
_FORMATS = [models.NATIVE_FORMAT, *models.EXTERNAL_FORMATS]
_TEXTS: dict[str, flags.FlagHolder] = {
  name: flags.DEFINE_string(name, default, words)
  for name, default, words in (
    ("policy", "llemma_7b", "Name of a known architecture, or a checkpoint"),
    ("reward", "llemma_34b", "The reward model, as --policy; '' for no one"),
  )
} | {
  name: flags.DEFINE_enum(name, default, values, words)
  for name, default, values, words in (
    ("reward_format", "llemma", _FORMATS,
     "Format of the steps that the reward model reads."),
    ("dtype", "bfloat16", models.DTYPES, "Dtype of weights, and of all else"),
    ("cache", "dense", decoding.CACHES, "How keys and values are kept"),
    ("attention", "auto", names.ATTENTIONS, "How beams attend to their past"),
  )
}  # fmt: skip
_MESH = flags.DEFINE_multi_string(
  "mesh", None, "Devices as DATA,MODEL, such as 1,8; a column each, or one"
)
_TARGET = flags.DEFINE_multi_string(
  "target", [], "Devices to compile for, such as v6e:2x4 or h200:8; may repeat"
)
_ALL = flags.DEFINE_bool(
  "all_buckets", False, "Compile all sizes of buffers, not the largest alone."
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
    ("num_problems", None, "Problems of a sweep, by default its task's."),
    ("mean_tokens", None, "Mean tokens of a text; by default the most."),
    ("mean_step_tokens", None, "Mean tokens of a step; by default the most."),
  )
}


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f"unknown arguments: {argv[1:]}.")
  texts = {name: flag.value for name, flag in _TEXTS.items()}
  numbers = {name: flag.value for name, flag in _NUMBERS.items()}
  meshes = [launching.parse_mesh(text) for text in _MESH.value or ()]
  names = [*texts, *numbers, "all_buckets"]
  plan.check_flags(names, flags.FLAGS, _CONFIG.value, _TARGET.value)
  if _TARGET.value:
    options = plan.Options(
      meshes, _ALL.value, numbers["mean_tokens"], numbers["mean_step_tokens"]
    )
    config = _CONFIG.value and launching.read_config(_CONFIG)
    plan.compile_for(_TARGET.value, config, texts, numbers, options, print)
    return
  work = plan.of_models(texts, numbers).workload
  print(
    f"{work.name}, {texts['dtype']}; P = {work.problems}, N = {work.beams}; of "
    f"{_DEVICE.value:g} GiB each:"
  )
  print(
    table.table(
      memory.Plan(work.search), work.problems, work.beams, meshes or [(1, 1)],
      _DEVICE.value, work.rows,
    )
  )  # fmt: skip


if __name__ == "__main__":
  launching.run(main)
