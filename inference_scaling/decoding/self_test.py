"""Scores a right and a wrong solution with a reward model.

A reward model that scores a text it was not trained on, or at the wrong token,
still gives numbers between 0 and 1. So it is tested when it is loaded, on the
same path that a search takes: the solutions are written in tokens, cut in
steps, translated and scored one by one, and compared with one pass over the
whole text.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import transformers

from inference_scaling import models
from inference_scaling.decoding import limits as limits_lib
from inference_scaling.decoding import policy_state
from inference_scaling.decoding import reward as reward_lib
from inference_scaling.decoding.batching import placement
from inference_scaling.decoding.tokens import translation
from inference_scaling.models.quantisation import formats
from inference_scaling.search import base

_QUESTION = (
  "Victor has 27 stones. Henry takes 14 of the stones. Victor buys 32 more "
  "stones. How many stones are left for Victor in the end?"
)
_SOLUTIONS = (
  ("27 - 14 = 13 stones.", "13 + 32 = 45 stones. The answer is: 45"),
  ("27 - 14 = 13 stones.", "13 + 32 = 55 stones. The answer is: 55"),
)
# How far scores may be apart that were computed in another order.
_TOLERANCE = {"float32": 1e-3, "bfloat16": 0.1, "float16": 0.02}


@dataclasses.dataclass(frozen=True)
class SelfTest:
  """The rewards of a right and of a wrong solution.

  Attributes:
    good: its rewards of the right one, one a step.
    bad: of the wrong one, whose last step has an error.
    passed: whether that step has the lower reward, and the rewards are
      the same in one pass over the text.
    message: one or two lines for a user.
  """

  good: list[float]
  bad: list[float]
  passed: bool
  message: str


def self_test(
  model: models.RewardModel,
  compile: Callable[[Callable], Callable],
  mesh: jax.sharding.Mesh | None = None,
) -> SelfTest:
  """Scores both solutions step by step, and checks what it finds.

  Args:
    model: the reward model.
    compile: makes a function faster, such as `jax.jit`; library code does not
      choose it.
    mesh: that the model was loaded onto, perhaps by several processes, each of
      which is to call this; None for one device.

  Returns:
    The scores. A model that cannot tell right from wrong does not pass, but is
    no error: it may be random, or small.

  Raises:
    ValueError: if the pieces of a solution do not make up its text, or, in
      float32, the scores of steps are not those that one pass over the text
      gives. The tokenizer or the format is then not the model's.
  """
  prompt, pieces = _encode(model)
  stepwise = _score_steps(model, prompt, pieces, compile, mesh)
  whole = _score_whole(model, prompt, pieces, compile, mesh)
  if not all(np.isfinite(scores).all() for scores in (*stepwise, *whole)):
    raise ValueError(
      f"reward model{_name(model)}: its rewards of two solutions, step by "
      f"step, are {_shown(stepwise)}, and {_shown(whole)} in one pass over the "
      "text; expected finite numbers. Its weights are broken or overflow."
    )
  tolerance = _TOLERANCE[str(_dtype(model))]
  # Scores of whole solutions are no probabilities and may be large.
  relative = tolerance if _is_outcome(model) else 0.0
  apart = not np.allclose(stepwise, whole, rtol=relative, atol=tolerance)
  if apart and _dtype(model) == jnp.float32:
    raise ValueError(
      f"reward model{_name(model)}: its rewards of two solutions, step by "
      f"step, are {_shown(stepwise)}, but {_shown(whole)} in one pass over the "
      f"text; they may differ by {tolerance}. Check its config.json."
    )
  good, bad = (scores.tolist() for scores in stepwise)
  passed = bad[-1] < good[-1]
  message = _message(model, good, bad, passed)
  if apart:  # rounding alone may do this over many layers
    message += (
      f" Beware: in one pass over each text they are {_shown(whole)}, further "
      f"apart than {_dtype(model)} should be. Try float32."
    )
  return SelfTest(good, bad, passed and not apart, message)


def _encode(
  model: models.RewardModel,
) -> tuple[list[int], list[list[list[int]]]]:
  """Encodes the prompt and the pieces of each solution, [2][2].

  Raises a ValueError if they do not make up the whole text.
  """
  if model.reward_format is None:
    encode = _encoder(model.tokenizer)
    return encode(f"{_QUESTION}\n"), [
      [encode(text) for text in _own_steps(steps)] for steps in _SOLUTIONS
    ]
  reward_format = model.reward_format
  prompt = reward_format.encode_prompt(_QUESTION)
  pieces = [
    [reward_format.encode_step(i, step) for i, step in enumerate(steps)]
    for steps in _solutions(model)
  ]
  for steps, parts in zip(_solutions(model), pieces, strict=True):
    joined = _join(prompt, parts)
    whole = reward_format.encode_whole(_QUESTION, steps)
    if joined != whole:
      raise ValueError(
        f"reward model{_name(model)}: the tokens of its steps one by one, "
        f"{joined}, are not those of the whole text, {whole}. Use the "
        "tokenizer.json that belongs to it."
      )
  return prompt, pieces


def _score_steps(
  model: models.RewardModel,
  prompt: list[int],
  pieces: list[list[list[int]]],
  compile: Callable[[Callable], Callable],
  mesh: jax.sharding.Mesh | None,
) -> np.ndarray:
  """Scores as a search does; float[2, 2]."""
  limits = limits_lib.Limits(
    prompt_tokens=len(prompt),
    step_tokens=max(len(piece) for parts in pieces for piece in parts),
    total_tokens=max(len(_join([], parts)) for parts in pieces),
  )
  translator, prompts = None, limits_lib.pad_prompt(0, prompt, limits)
  if model.reward_format is not None:
    # The model's own tokenizer stands for that of a policy.
    encode = _encoder(model.tokenizer)
    pieces = [[encode(step) for step in steps] for steps in _solutions(model)]
    translator = translation.Translator(
      model.tokenizer, model.config.vocab_size, model.reward_format, limits, ()
    )
    prompts = limits_lib.pad_prompt(0, prompt, limits, prompt)
  reward = reward_lib.ModelReward(model, limits, len(pieces), translator)

  def score(*arguments: Any) -> Any:
    state, scores = reward.score(*arguments)
    return state, placement.replicate((scores, state.num_scored), mesh)

  compiled = compile(score)
  state = compile(reward.start)(model.params, prompts)
  size = max(len(piece) for parts in pieces for piece in parts)
  rewards, scored = [], np.zeros((1, 2))
  for step in zip(*pieces, strict=True):
    state, (scores, scored) = compiled(
      model.params, state, _as_step(step, size), jnp.ones((1, len(step)), bool)
    )
    rewards.append(np.asarray(scores)[0])
  if not np.array_equal(scored, np.full((1, 2), len(rewards))):
    raise ValueError(
      f"reward model{_name(model)}: of {len(rewards)} steps "
      f"{np.asarray(scored)[0].tolist()} were scored."
    )
  return np.stack(rewards, axis=1)


def _as_step(rows: Sequence[Sequence[int]], size: int) -> base.Step:
  """Makes tokens of N beams a step of one problem."""
  tokens = np.zeros((1, len(rows), size), np.int32)
  for beam, row in enumerate(rows):
    tokens[0, beam, : len(row)] = row
  lengths = jnp.array([[len(row) for row in rows]], jnp.int32)
  nothing = jnp.zeros(lengths.shape)
  content = policy_state.StepTokens(
    jnp.array(tokens), lengths, log_probs=nothing, certainty=nothing
  )
  return base.Step(jnp.zeros_like(lengths), lengths, content)


def _score_whole(
  model: models.RewardModel,
  prompt: list[int],
  pieces: list[list[list[int]]],
  compile: Callable[[Callable], Callable],
  mesh: jax.sharding.Mesh | None,
) -> np.ndarray:
  """Scores in one pass over each whole text; float[2, 2]."""
  texts = [_join(prompt, parts) for parts in pieces]
  tokens = np.zeros((len(texts), max(map(len, texts))), np.int32)
  for row, text in enumerate(texts):
    tokens[row, : len(text)] = text
  solution = np.broadcast_to(
    np.arange(tokens.shape[1]) >= len(prompt), tokens.shape
  )
  rewards = compile(
    lambda *arguments: placement.replicate(
      model.token_rewards(*arguments), mesh
    )
  )(model.params, tokens, solution)
  lengths = np.array([[len(piece) for piece in parts] for parts in pieces])
  ends = len(prompt) + np.cumsum(lengths, axis=1) - 1
  return np.take_along_axis(np.asarray(rewards), ends, axis=1)


def _is_outcome(model: models.RewardModel) -> bool:
  return model.reward_format is not None and model.reward_format.outcome


def _solutions(model: models.RewardModel) -> list[list[str]]:
  """The steps of both solutions, as many as the model reads them in."""
  if _is_outcome(model):
    return [["\n\n".join(steps)] for steps in _SOLUTIONS]
  return [list(steps) for steps in _SOLUTIONS]


def _own_steps(steps: Sequence[str]) -> list[str]:
  """Writes steps as the policies do that the embedded models belong to."""
  texts = [f"Step {i + 1}: {step} ки" for i, step in enumerate(steps)]
  return [texts[0], *(f"\n{text}" for text in texts[1:])]


def _encoder(
  tokenizer: transformers.PreTrainedTokenizerFast,
) -> Callable[[str], list[int]]:
  return lambda text: tokenizer(text, add_special_tokens=False)["input_ids"]


def _join(prompt: Sequence[int], parts: Sequence[Sequence[int]]) -> list[int]:
  return [*prompt, *(token for part in parts for token in part)]


def _dtype(model: models.RewardModel) -> Any:
  """The dtype whose tolerance holds: beside quantised weights, bfloat16's."""
  dtype = model.params["decoder"]["embedding"].dtype
  return jnp.dtype(jnp.bfloat16) if dtype in formats.STORED else dtype


def _name(model: models.RewardModel) -> str:
  reward_format = (
    ""
    if model.reward_format is None
    else f" of format {model.reward_format.name!r}"
  )
  return f"{reward_format} (tokenizer {model.tokenizer.name_or_path})"


def _shown(scores: Any) -> list:
  return np.round(np.asarray(scores, float), 3).tolist()


def _message(
  model: models.RewardModel,
  good: list[float],
  bad: list[float],
  passed: bool,
) -> str:
  what = "solution" if _is_outcome(model) else "step"
  verdict = (
    f"{'scores' if passed else 'does NOT score'} the wrong {what} below the "
    "right one"
  )
  return (
    f"reward model{_name(model)} {verdict}: rewards {_shown(good)} of a right "
    f"solution, {_shown(bad)} of one with an error in its last step."
  )
