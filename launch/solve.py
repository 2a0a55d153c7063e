r"""Answers one problem and prints its search tree, votes and cost.

  python launch/solve.py --problem="Anna has 12 apples. Anna buys 15 more \
apples. Then Anna gives 14 apples to Ben. How many apples does Anna have now?"

--page=tree.html also writes the tree as a page for a browser. The embedded
models know only the sentences of the synthetic benchmark (see
inference_scaling/tasks/phrases.py); of other wording they understand little.
"""

from absl import app, flags

from inference_scaling import analysis, assets, decoding, launching, sweep
from inference_scaling.sweep import rewards

_PROBLEM = flags.DEFINE_string("problem", None, "The question.")
_GOLD = flags.DEFINE_string("gold", "", "Its answer, to grade the votes.")
_POLICY = flags.DEFINE_string(
  "policy", "embedded/policy_middle", "A checkpoint, or embedded/NAME."
)
_REWARD = flags.DEFINE_string("reward", "embedded/reward", "Likewise.")
_STRATEGY = flags.DEFINE_string("strategy", "rebase", "How to search.")
_N = flags.DEFINE_integer("n", 16, "Beams.", lower_bound=1)
_SEED = flags.DEFINE_integer("seed", 0, "Of the draws.", lower_bound=0)
_TEMPERATURE = flags.DEFINE_float("temperature", 1.0, "Of the policy.", 0)
_NUMBERS = flags.DEFINE_multi_string(
  "number", [], "NAME=VALUE of the strategy (rule=round); may be repeated."
)
_FORM = flags.DEFINE_enum(
  "reward_form", "own", list(rewards.TABLES), "How steps are scored."
)
_CHAT = flags.DEFINE_string("chat", None, "System text, to ask as a chat.")
_STEP_END = flags.DEFINE_multi_string("step_end", [" ки"], "What ends a step.")
_ANSWER = flags.DEFINE_multi_string(
  "answer_marker", ["The answer is"], "What announces the answer."
)
_PAGE = flags.DEFINE_string("page", None, "An .html for the search tree.")
_DTYPE = flags.DEFINE_string("dtype", "float32", "Of weights and caches.")
_LIMITS = {
  name: flags.DEFINE_integer(name, default, words, lower_bound=1)
  for name, default, words in (
    ("prompt_tokens", 320, "Longest prompt."),
    ("step_tokens", 32, "Most tokens of a step."),
    ("total_tokens", 128, "Most generated tokens of a beam."),
    ("max_steps", 8, "Most steps of a beam."),
  )
}


def main(argv):
  if len(argv) > 1:
    raise app.UsageError(
      f'unknown arguments: {argv[1:]}. Put the problem in quotes: --problem="".'
    )
  if not _PROBLEM.value:
    raise app.UsageError('nothing to solve: give --problem="...".')
  if _PAGE.value:
    analysis.check_page(_PAGE.value)
  if _POLICY.value.startswith(assets.PREFIX):
    print(
      "Note: the embedded models are tiny and know only problems worded like "
      "those of the synthetic benchmark.\n"
    )
  solution = sweep.solve(
    _PROBLEM.value,
    gold=_GOLD.value,
    policy=_POLICY.value,
    reward=_REWARD.value,
    strategy=_STRATEGY.value,
    n=_N.value,
    seed=_SEED.value,
    numbers=launching.parse_numbers(_NUMBERS.value),
    settings=settings(),
  )
  if launching.is_lead():
    print(f"{solution.render()}\n\nAnswer: {solution.answer}")
    if _PAGE.value:
      print("Page:", *analysis.write_tree(solution.record, _PAGE.value))


def settings():
  chat = {"kind": "chat", "system": _CHAT.value}
  limits = {name: flag.value for name, flag in _LIMITS.items()}
  return sweep.Settings(
    prompt={"kind": "plain"} if _CHAT.value is None else chat,
    step_format=decoding.StepFormat(
      tuple(_STEP_END.value), tuple(_ANSWER.value)
    ),
    limits=decoding.Limits(**limits),
    sampler=sweep.Sampler(_TEMPERATURE.value, top_k=0, top_p=1.0),
    reward_form=_FORM.value,
    # A reward model's own tokens, prompts and tags may be more.
    reward_limits=decoding.Limits(**{k: 2 * v for k, v in limits.items()}),
    dtype=_DTYPE.value,
  )


if __name__ == "__main__":
  launching.run(main)
