"""GPQA, questions of graduate level with four options.

References:
  Rein et al., GPQA: A Graduate-Level Google-Proof Q&A Benchmark, 2023
    (arXiv:2311.12022): the diamond set has 198 questions.
"""

from inference_scaling.tasks import problem
from inference_scaling.tasks.files import rows
from inference_scaling.tasks.files.letters import options

_WRONG = tuple(f"Incorrect Answer {number}" for number in (1, 2, 3))


def load_gpqa(path: rows.Path, seed: int) -> list[problem.Problem]:
  """Loads GPQA from its CSV file.

  Each row has the columns `Question`, `Correct Answer` and `Incorrect Answer 1`
  to `Incorrect Answer 3`; others, such as `Record ID`, are left.

  Args:
    path: the file, for instance `gpqa_diamond.csv`; rows of JSON lines or
      parquet will do.
    seed: of the order of the options, of which the file has the right one
      first.

  Returns:
    The problems, in the order of the file and numbered from 0; gold answers are
    letters, levels are 1 and the source is the file's name without ending.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if the file has no rows or a row is not as described.
  """
  problems = []
  for row in rows.read_rows(path):
    texts = [row.text(name) for name in ("Correct Answer", *_WRONG)]
    problems.append(
      options.make_problem(
        row, len(problems), row.text("Question"), texts, 0, seed
      )
    )
  return problems
