r"""Answers one problem and prints its search tree, votes and cost.

  python launch/solve.py --problem="Anna has 12 apples. Anna buys 15 more \
apples. Then Anna gives 14 apples to Ben. How many apples does Anna have now?"

The embedded models know only the sentences of the synthetic benchmark (see
inference_scaling/tasks/phrases.py); of other wording they understand little.
"""

from absl import app, flags

from inference_scaling import analysis, assets, decoding, launching, spec, sweep
from inference_scaling.models.checkpoints import loading

_TEXTS: dict[str, flags.FlagHolder] = {
  name: flags.DEFINE_string(name, default, words)
  for name, default, words in (
    ("problem", None, "The question, in quotes."),
    ("gold", "", "The right answer, to grade the votes; '' for no grades."),
    ("policy", "embedded/policy_middle", "Checkpoint of the policy: a folder, "
     "a GGUF file, embedded/NAME, or ORG/NAME on the Hugging Face hub."),
    ("reward", "embedded/reward", "The reward model, named as --policy is."),
    ("strategy", "rebase", f"How to search: {', '.join(spec.STRATEGIES)}."),
    ("chat", None, "Asks by the chat template, with this system text or ''."),
    ("page", None, "File for a page of the search tree; it ends in .html."),
  )
}  # fmt: skip
_TEMPERATURE = flags.DEFINE_float(
  "temperature", 1.0, "Temperature of the policy's draws.", 0
)
_REWARD_FORMAT = flags.DEFINE_enum(
  "reward_format", "native", list(spec.REWARDS), "Format of the step rewards."
)
_LISTS = {
  name: flags.DEFINE_multi_string(name, default, words)
  for name, default, words in (
    ("hyperparameter", [], "One of the strategy's, such as rule=round"),
    ("step_end", [" ки"], "Text that ends a step"),
    ("answer_marker", ["The answer is"], "Text before the answer"),
  )
}
_DTYPE = flags.DEFINE_enum(
  "dtype", "float32", loading.DTYPES, "Dtype of weights, activations, caches."
)
_MOST = 2**31 - 1  # what an int32 of JAX holds
_SIZES = {
  name: flags.DEFINE_integer(name, default, words, int(default > 0), _MOST)
  for name, default, words in (
    ("n", 16, "Beams of the search, expansions of MCTS or nodes of AB-MCTS."),
    ("seed", 0, "Seed of the draws, from 0."),
    ("prompt_tokens", 320, "Most tokens of the prompt."),
    ("step_tokens", 32, "Most tokens of a step."),
    ("total_tokens", 128, "Most generated tokens of a beam."),
    ("max_steps", 8, "Most steps of a beam."),
    ("confidence_window", 0, "Tokens of a group, for group_confidence."),
  )
}


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'unknown: {argv[1:]}; expected --problem="...".')
  text = {name: flag.value for name, flag in _TEXTS.items()}
  if not text["problem"]:
    raise app.UsageError('nothing to solve: give --problem="...".')
  if text["page"]:
    analysis.check_page(text["page"])
  if text["policy"].startswith(assets.PREFIX):
    print(f"{assets.NOTE}\n")
  sizes = {name: flag.value for name, flag in _SIZES.items()}
  parsed = launching.parse_hyperparameters(_LISTS["hyperparameter"].value)
  chosen = {key: text[key] for key in ("gold", "policy", "reward", "strategy")}
  solution = sweep.solve(
    text["problem"], n=sizes.pop("n"), seed=sizes.pop("seed"), **chosen,
    hyperparameters=parsed, settings=settings(text["chat"], sizes),
  )  # fmt: skip
  if launching.is_lead():
    print(f"{solution.render()}\n\nAnswer: {solution.answer}")
    if text["page"]:
      print("Page:", *analysis.write_tree(solution.record, text["page"]))


def settings(system: str | None, limits: dict[str, int]) -> sweep.Settings:
  ends, markers = (tuple(flag.value) for flag in list(_LISTS.values())[1:])
  plain = system is None
  return sweep.Settings(
    prompt={"kind": "plain"} if plain else {"kind": "chat", "system": system},
    step_format=decoding.StepFormat(ends, markers),
    confidence=spec.Confidence(window=limits.pop("confidence_window")),
    limits=decoding.Limits(**limits),
    sampler=spec.Sampler(temperature=_TEMPERATURE.value),
    # In a reward model's own tokens texts may be longer.
    reward_limits=decoding.Limits(**{k: 2 * v for k, v in limits.items()}),
    reward_format=_REWARD_FORMAT.value, dtype=_DTYPE.value,
  )  # fmt: skip


if __name__ == "__main__":
  launching.run(main)
