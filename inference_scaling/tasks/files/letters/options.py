"""A question with its options, in an order that a seed decides.

The order is a fact of seed, problem and option alone: sorted by the SHA-256 of
the three, so that no version of a language's shuffle, no other problem and no
limit on their number changes it. The question that a record holds shows it.
"""

import hashlib
import pathlib
from collections.abc import Sequence

from inference_scaling.tasks import problem
from inference_scaling.tasks.extraction import letters
from inference_scaling.tasks.files import rows


def shuffled(count: int, seed: int, number: int) -> list[int]:
  """Orders the options of a problem.

  Args:
    count: number of options.
    seed: of the order.
    number: of the problem.

  Returns:
    Indices of options, in the order in which they are shown.
  """

  def key(index: int) -> bytes:
    return hashlib.sha256(f"{seed} {number} {index}".encode()).digest()

  return sorted(range(count), key=key)


def make_problem(
  row: rows.Row,
  number: int,
  question: str,
  texts: Sequence[str],
  right: int,
  seed: int | None,
) -> problem.Problem:
  """Makes a problem whose question lists its options.

  Args:
    row: where it comes from.
    number: of the problem.
    question: without options.
    texts: of the options.
    right: index of the right one. One with the same text is right, too.
    seed: of the order; None for that of `texts`.

  Returns:
    The problem: its gold answer is a letter.

  Raises:
    ValueError: if there are fewer options than two, or more than letters.
  """
  count = len(texts)
  if not 2 <= count <= len(letters.LETTERS):
    raise row.error(
      f"there are {count} options", f"2 to {len(letters.LETTERS)} of them"
    )
  order = list(range(count))
  if seed is not None:
    order = shuffled(count, seed, number)
  options = tuple(texts[index].strip() for index in order)
  listed = [
    f"({letter}) {text}"
    for letter, text in zip(letters.LETTERS, options, strict=False)
  ]
  golds = [
    letter
    for letter, text in zip(letters.LETTERS, options, strict=False)
    if text == texts[right].strip()
  ]
  gold = letters.LETTERS[order.index(right)]
  return problem.Problem(
    number, "\n".join([question.strip(), "", *listed]), gold, 1,
    pathlib.Path(row.path).stem, options=options,
    alternatives=tuple(letter for letter in golds if letter != gold),
  )  # fmt: skip
