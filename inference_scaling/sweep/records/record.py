"""One record: all that is kept of one problem in one run."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from inference_scaling import compute, decoding, names, spec, tasks
from inference_scaling.spec import grid
from inference_scaling.spec import record as record_lib
from inference_scaling.sweep import strategies
from inference_scaling.sweep.records import candidates as candidates_lib
from inference_scaling.sweep.records import (
  ledger,
  step_texts,
  votes,
)
from inference_scaling.tasks.code import grader as code_grader
from inference_scaling.tasks.code import problem as code_problem


@dataclasses.dataclass(frozen=True)
class RecordMaker:
  """Makes records of one policy.

  Attributes:
    texts: reads the policy's steps.
    policy_cost: of the policy's tokens.
    reward_cost: of the reward model's tokens.
    grader: grades answers.
    aggregations: of step scores, for votes; none where there is no reward
      model. The scores of the search are then no rewards and not recorded.
    dtype: of the policy; "" for one that a function of the user's makes.
    head_cost: of the tokens of a value head whose body is the policy; None for
      other rewards.
    confidence: what to keep of how sure the policy was of its tokens.
    reward_format: of the scores of steps, one of `spec.REWARDS`.
    programs: runs solutions that are programs; None where no problem has such.
  """

  texts: step_texts.Texts
  policy_cost: compute.ModelCost | compute.PairCost
  reward_cost: compute.ModelCost
  grader: tasks.Grader
  aggregations: Sequence[str]
  dtype: str = ""
  head_cost: compute.ModelCost | None = None
  confidence: spec.Confidence = dataclasses.field(
    default_factory=spec.Confidence
  )
  reward_format: str = names.NATIVE_REWARD
  programs: code_grader.CodeGrader | None = None

  def make(
    self, run: grid.Run, problem: tasks.Problem, finished: decoding.Finished
  ) -> dict[str, Any]:
    """Makes a record.

    Nothing in it depends on time, on slots or on other problems. Scores are
    the float32 values, exactly.

    Args:
      run: the run.
      problem: the problem; one without a gold answer ("") is not graded, and
        `correct` is None.
      finished: its search.

    Returns:
      JSON data.
    """

    def grade(answer: str | None) -> bool | None:
      if self.programs and isinstance(problem, code_problem.CodeProblem):
        return self.programs.is_right(problem, answer)
      if not problem.golds:
        return None
      if problem.options:  # letters are no variables
        return answer in problem.golds
      return self.grader.grade(problem.golds, answer, problem.tolerances)

    rewarded = bool(self.aggregations)
    candidates = candidates_lib.make_candidates(
      finished.tree, self.texts, grade, rewarded=rewarded,
      options=problem.options,
      answers=code_grader.reader(self.programs, problem),
    )  # fmt: skip
    if self.reward_format == names.GROUP_CONFIDENCE:
      candidates = candidates_lib.of_full_groups(candidates, finished.tree)
      last = [candidate["step_scores"][-1] for candidate in candidates]
      silent = strategies.left_out(run.strategy, run.hyperparameters, last)
      candidates = [
        {**candidate, "answer": None, "correct": grade(None)} if out else
        candidate
        for candidate, out in zip(candidates, silent, strict=True)
      ]  # fmt: skip
    if self.confidence.window:
      candidates = candidates_lib.with_confidence(
        candidates, finished.tree, self.confidence
      )
    return {
      "run": run.key,
      "problem": describe_problem(problem),
      "candidates": candidates,
      "tree": candidates_lib.make_tree(
        finished.tree, self.texts, rewarded=rewarded
      ),
      "votes": votes.make_votes(candidates, self.aggregations),
      "ledger": ledger.make_ledger(
        finished, self.policy_cost, self.reward_cost, self.head_cost
      ),
      "dtype": self.dtype,
    }


def describe_problem(problem: tasks.Problem) -> dict[str, Any]:
  """What a record says of its problem.

  Args:
    problem: the problem.

  Returns:
    The `problem` of a record; `name`, `alternatives` and `tolerances` only
    where it has them. Options stand in its question, in the order of letters.
  """
  said = record_lib.Problem(
    id=problem.id,
    level=problem.level,
    gold=problem.gold,
    question=problem.question,
    name=problem.name,
    alternatives=list(problem.alternatives),
    tolerances=list(problem.tolerances),
  )
  seldom = ("name", "alternatives", "tolerances")
  return {
    key: value
    for key, value in record_lib.to_json(said).items()
    if value or key not in seldom
  }
