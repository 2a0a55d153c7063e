"""Continuous batching: batch slots that are refilled as problems finish.

The number of slots is fixed and one compiled program decodes for all of them
until some have their next steps; these are scored and begin another step, while
the others stay in the middle of theirs (`scheduling` says when). So a slow
problem holds up nobody: its slot goes on beside others that have been refilled.
A problem is started alone and its random keys come from the seed and its id, so
its draws do not depend on what shares the batch with it.

On a mesh of devices slots are split over 'data' and heads over 'model'. Several
processes run the same loop: its flags are whole on each of them.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import jax

from inference_scaling.decoding.batching import batch as batch_lib
from inference_scaling.decoding.batching import (
  checks,
  prefixes,
  statistics,
)
from inference_scaling.decoding.batching import params as params_lib
from inference_scaling.decoding.batching import problems as problems_lib
from inference_scaling.search import base, resuming
from inference_scaling.search.checks import entries
from inference_scaling.search.porting import whole_steps


def continuous_batching(
  policy: base.Policy,
  reward: base.Reward,
  strategy: base.Strategy,
  policy_params: Any,
  reward_params: Any,
  problems: Iterable[problems_lib.Problem],
  seed: int,
  num_slots: int,
  max_depth: int,
  mesh: jax.sharding.Mesh | None = None,
  stats: statistics.BatchStats | None = None,
  lookahead_params: Any = None,
  prefix: problems_lib.Prefix = problems_lib.NO_PREFIX,
  answers: resuming.AnswersFn | None = None,
) -> Iterator[batch_lib.Finished]:
  """Searches problems, several at a time, and yields each as it ends.

  The steps are those of `search.search_step`, of a policy and a reward of any
  kind; problem i has the key fold_in(key(seed), i). Programs are compiled once
  for a policy, reward, `strategy.static_part`, num_slots and each of a few
  sizes of the buffers in use, and are used again by later calls with the same
  objects.

  Args:
    policy: draws steps. One that is no `search.BatchedPolicy` draws a whole
      step of all problems at once.
    reward: scores them.
    strategy: shares out the beams.
    policy_params: weights and sampler of the policy.
    reward_params: weights of the reward model.
    problems: taken one at a time, whenever a batch slot is free;
      `PromptProblem` for a `ModelPolicy`, `EncodedProblem` for another.
    seed: of all random draws.
    num_slots: P, problems in flight.
    max_depth: most steps of a beam; J of the tree.
    mesh: of `models.make_mesh`, for both models; None for one device. With
      several processes, each must be given the same arguments. Params of a
      policy or a reward that is none of this package's lie on every device.
    stats: statistics of the batch, which are added to; None to count nothing.
    lookahead_params: given to the policy where the strategy looks ahead; None
      for those of temperature 0 without filters of a `ModelPolicy`, and for
      `policy_params` of another.
    prefix: what the prompts of all problems begin with, which models of this
      package compute once. It is charged to each problem all the same, whose
      cost would depend on others otherwise.
    answers: reads the answers of a problem's beams out of its id and its tree,
      for a strategy that resumes, see `search.resuming`; for no other one.

  Yields:
    Finished problems, in the order in which they end.

  Raises:
    ValueError: for a prompt that does not fit its buffer or lacks the prefix, a
      step that does not fit that of the reward model, two models that do not
      take the same tokens, a mesh that does not divide slots or heads, a tree
      of steps that does not fit its cache, or a wrong value from a function of
      the policy, the reward or the strategy.
    FloatingPointError: for logits or scores that are NaN or infinite.
  """
  entries.check_models(policy, reward)
  entries.check_hashable(policy, reward)
  entries.check_lookahead(strategy, policy, reward)
  entries.check_answers(strategy, answers)
  checks.check_tokens(policy, reward)
  checks.check_value_head(policy, reward, policy_params, lookahead_params)
  checks.check_mesh(policy, reward, num_slots, mesh)
  given = policy_params
  policy_params, reward_params = params_lib.put(
    policy, reward, policy_params, reward_params, mesh
  )
  lookahead_params = params_lib.put_lookahead(
    policy, lookahead_params, given, policy_params, mesh
  )
  del given  # or weights that were elsewhere stay there
  policy = whole_steps.batched_policy(policy)
  reward = whole_steps.batched_reward(reward)
  policy_params, reward_params, lookahead_params = prefixes.join(
    policy, reward, policy_params, reward_params, lookahead_params, prefix
  )
  models = batch_lib.Models(
    policy, reward, policy_params, reward_params, lookahead_params
  )
  batch = batch_lib.Batch(
    models, strategy, seed, num_slots, max_depth, mesh, prefix
  )
  stats = stats or statistics.BatchStats()
  waiting = iter(problems)
  while batch.fill(waiting):
    yield from batch.ended(batch.advance(stats), answers)
