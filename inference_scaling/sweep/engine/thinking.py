"""How the policies of a sweep think: the texts, the numbers, and a check."""

from collections.abc import Iterable

import jax.numpy as jnp

from inference_scaling import decoding
from inference_scaling.spec import grid
from inference_scaling.sweep import settings as settings_lib
from inference_scaling.sweep.engine import loaded as loaded_lib
from inference_scaling.sweep.ports import port as port_lib


def texts(
  settings: settings_lib.Settings, policy: str
) -> decoding.ThinkingTexts | None:
  """The texts around a policy's thinking.

  Args:
    settings: of the sweep.
    policy: its name.

  Returns:
    The texts; None if the policy does not think.
  """
  said = settings.thinking.get(policy)
  return said and decoding.ThinkingTexts(said.close, said.end, said.wait)


def params(
  settings: settings_lib.Settings, run: grid.Run
) -> decoding.ThinkingParams | None:
  """How long the beams of a run think.

  Args:
    settings: of the sweep.
    run: the run.

  Returns:
    The numbers; None for a policy that does not think.
  """
  if run.policy not in settings.thinking:
    return None
  budget = run.thinking.get("thinking_tokens")
  return decoding.ThinkingParams(
    jnp.int32(decoding.NO_BUDGET if budget is None else budget),
    jnp.int32(run.thinking.get("waits") or 0),
  )


def check(loaded: loaded_lib.Loaded, runs: Iterable[grid.Run]) -> None:
  """Checks that policies can think as runs say, before any search.

  Args:
    loaded: the models.
    runs: of a sweep.

  Raises:
    ValueError: for texts that do not fit a policy's tokenizer, or where
      thinking is to go on past an end that is not one token.
  """
  waiting = {run.policy: run for run in runs if run.thinking.get("waits")}
  for name in loaded.settings.thinking:
    model, said = loaded.policies[name], texts(loaded.settings, name)
    if isinstance(model, port_lib.Port) or said is None:
      continue
    try:
      thinking = decoding.compile_thinking(
        said, model.tokenizer, model.config.vocab_size, ()
      )
    except ValueError as error:
      raise ValueError(f"policy {name}: {error}") from error
    if name in waiting and not thinking.closers:
      raise ValueError(
        f"run {waiting[name]}: waits is {waiting[name].thinking['waits']}, "
        f"but thinking.close of policy {name}, {said.close!r}, is several "
        "tokens of its tokenizer; expected one, whose place 'wait' can "
        "take. Leave waits out, or name another text."
      )
