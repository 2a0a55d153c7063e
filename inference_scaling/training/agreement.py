"""How far Math-Shepherd's step labels agree with the exact ones."""

from collections.abc import Mapping, Sequence

import numpy as np

from inference_scaling.tasks import synthetic
from inference_scaling.training.data import labels as labels_lib
from inference_scaling.training.data import sampling as sampling_lib


def measure(
  samplers: Mapping[str, sampling_lib.Sampler],
  completer: sampling_lib.Sampler,
  problems: Sequence[synthetic.SyntheticProblem],
  seed: int,
) -> dict[str, float]:
  """Labels the same steps both ways.

  Args:
    samplers: by policy; each draws solutions to label, the first of which is
      taken for each problem.
    completer: completes steps for the labels of Math-Shepherd.
    problems: with different ids.
    seed: of the draws.

  Returns:
    `agreement`, the share of steps with the same label; `good_kept`, the share
    of exactly good steps that completion calls good; `bad_found`, the share of
    exactly bad steps that completion calls bad; `steps`, how many; and
    `completions`, how many were drawn for each.

  References:
    Wang et al., "Math-Shepherd", ACL 2024, arXiv:2312.08935, section 3.3.
  """
  by_id = {problem.id: problem for problem in problems}
  solutions, owners = [], []
  for name in sorted(samplers):
    for number, drawn in samplers[name].solve(problems, seed):
      solutions.append(drawn[0])
      owners.append(by_id[number])
  completed = labels_lib.rollout_labels(completer, solutions, owners, seed)
  exact = np.concatenate(
    [
      labels_lib.exact_labels(problem, solution.step_texts)
      for problem, solution in zip(owners, solutions, strict=True)
    ]
  )
  rolled = np.concatenate(completed)
  return {
    "agreement": float(np.mean(exact == rolled)),
    "good_kept": float(np.mean(rolled[exact])),
    "bad_found": float(np.mean(~rolled[~exact])),
    "steps": len(exact),
    "completions": completer.num_samples,
  }
