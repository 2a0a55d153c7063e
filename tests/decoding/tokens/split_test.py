"""Solutions that are split once, for one iteration of search."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from inference_scaling import decoding
from inference_scaling.search import base
from tests.decoding import tiny

TOTAL, AFTER, END_OF_TEXT = 14, 3, 1


def _two_steps(split_after):
  limits = decoding.Limits(9, TOTAL, TOTAL, max_steps=2)
  step_format = dataclasses.replace(tiny.FORMAT, split_after=split_after)
  policy = decoding.ModelPolicy(
    tiny.policy_model(), step_format, limits, tiny.NUM_BEAMS
  )
  shape = (3, tiny.NUM_BEAMS)

  @jax.jit
  def run(params):
    state = policy.start(params, tiny.stack(3))
    steps = []
    active = jnp.ones(shape, bool)
    for depth in range(2):
      keys = jax.random.split(jax.random.key(depth), shape)
      state, step = policy.extend(params, keys, state, active)
      active &= step.status == base.RUNNING
      steps.append(step)
    return steps

  return run(tiny.policy_params())


def _letters(step, at):
  tokens = np.array(step.content.tokens[at])[: int(step.num_tokens[at])]
  decode = tiny.letter_tokenizer().decode
  return [decode([token]) if token != END_OF_TEXT else "." for token in tokens]


def _ends(letters, first, before):
  """Where a step may end but for its length, by the rule in words."""
  answered = set(before) & set(tiny.ANSWERS)
  for i, letter in enumerate(letters):
    answered |= {letter} & set(tiny.ANSWERS)
    split = first and i + 1 >= AFTER
    if letter == "." or (letter in tiny.STEP_ENDS and (answered or split)):
      yield i


def test_only_the_first_step_ends_before_the_solution_does():
  first, second = _two_steps(AFTER)
  split, passed = 0, 0
  for at in np.ndindex(first.status.shape):
    head, tail = _letters(first, at), _letters(second, at)
    assert list(_ends(head, True, ())) in ([], [len(head) - 1])
    assert bool(tail) == (first.status[at] == base.RUNNING)
    if tail:
      split += 1
      assert len(head) >= AFTER and head[-1] in tiny.STEP_ENDS
      ends = list(_ends(tail, False, head))
      assert ends in ([], [len(tail) - 1])
      assert second.status[at] == (base.FINISHED if ends else base.TRUNCATED)
      assert ends or len(head) + len(tail) == TOTAL
      passed += bool(set(tail[:-1]) & set(tiny.STEP_ENDS))
  assert split and passed  # ends of steps that ended none


def test_without_it_each_step_ends_as_it_comes():
  step, _ = _two_steps(0)
  short = [
    len(_letters(step, at)) < AFTER
    for at in np.ndindex(step.status.shape)
    if step.status[at] == base.RUNNING
  ]
  assert any(short)
