"""MMLU-Pro, questions of 14 subjects with up to ten options.

References:
  Wang et al., MMLU-Pro: A More Robust and Challenging Multi-Task Language
    Understanding Benchmark, 2024 (arXiv:2406.01574): 12,032 test questions.
"""

from inference_scaling.tasks import problem
from inference_scaling.tasks.extraction import letters
from inference_scaling.tasks.files import rows
from inference_scaling.tasks.files.letters import options

# Fills up lists of options; the authors' evaluation leaves it out, too.
_NO_OPTION = "N/A"


def load_mmlu_pro(
  path: rows.Path, seed: int | None = None
) -> list[problem.Problem]:
  """Loads MMLU-Pro from its parquet file or JSON lines.

  Each row has `question`, `options` (a list of texts), `answer` (a letter) and
  `answer_index`, the same from 0 on; other fields, such as `category`, are
  left.

  Args:
    path: the file.
    seed: of the order of the options; None for the published order.

  Returns:
    The problems, in the order of the file and numbered from 0; gold answers are
    letters, levels are 1 and the source is the file's name without ending.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if the file has no rows or a row is not as described.
  """
  problems = []
  for row in rows.read_rows(path):
    question, texts = row.text("question"), _options(row)
    right = _right(row, len(texts))
    kept = [i for i, x in enumerate(texts) if i == right or x != _NO_OPTION]
    problems.append(
      options.make_problem(
        row, len(problems), question, [texts[i] for i in kept],
        kept.index(right), seed,
      )
    )  # fmt: skip
  return problems


def _options(row: rows.Row) -> list[str]:
  value = row.value("options")
  if not isinstance(value, list):
    raise row.error(f"`options` is {value!r}", "a list of texts")
  named = {f"options[{i}]": text for i, text in enumerate(value)}
  items = rows.Row(row.path, row.where, named)
  return [items.text(name).strip() for name in named]


def _right(row: rows.Row, count: int) -> int:
  """The index of the right option, which two fields say."""
  answer = row.text("answer").strip()
  index = letters.LETTERS.find(answer) if len(answer) == 1 else -1
  if not 0 <= index < count:
    raise row.error(
      f"`answer` is {answer!r}", f"the letter of one of {count} options"
    )
  said = row.value("answer_index")
  if rows.as_integer(said) != index:
    raise row.error(
      f"`answer_index` is {said!r} and `answer` {answer!r}",
      "both to say the same, A being 0",
    )
  return index
