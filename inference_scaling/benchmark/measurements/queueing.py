"""Time per token with few and with many problems queued."""

import functools

from inference_scaling.benchmark import own_engine, subjects, table, timing
from inference_scaling.benchmark import work as work_lib

QUEUED = (4, 16, 64)


def measure(
  subject: subjects.Subject, work: work_lib.Work, dtype: str, repeats: int
) -> list[table.Row]:
  """Measures the time per token with more and more problems queued.

  Problems wait for as many slots as `work.problems`; texts are a quarter as
  long as in `work`, since there are many of them.

  Args:
    subject: the model.
    work: how much is drawn of a problem.
    dtype: of the weights.
    repeats: rounds.

  Returns:
    Rows of the table.
  """
  prompts = subject.prompts(max(QUEUED), work.prompt_tokens)
  length = max(1, work.new_tokens // 4)
  sampler = own_engine.Sampler(subject.policy(dtype), work.problems)
  tasks = {
    str(count): functools.partial(
      sampler, prompts[:count], work.samples, length
    )
    for count in QUEUED
  }
  times = timing.interleave(tasks, repeats)
  per_token = {}
  for count in QUEUED:
    tokens = count * work.samples * length
    per_token[count] = timing.combine(
      lambda seconds, tokens=tokens: 1e3 * seconds / tokens, times[str(count)]
    )
  spread = timing.combine(max_over_min, *per_token.values())
  note = f"{work.problems} slots x {work.samples} samples of {length} tokens"
  return [
    *(
      table.Row(
        "queue", f"{dtype}: {count} problems queued", seconds.median,
        "ms/token", note, seconds.rounds,
      )
      for count, seconds in per_token.items()
    ),
    table.Row(
      "queue", f"{dtype}: time per token, max/min", spread.median, "x", "",
      spread.rounds,
    ),
  ]  # fmt: skip


def max_over_min(*numbers: float) -> float:
  """Divides the largest number by the smallest."""
  return max(numbers) / min(numbers)
