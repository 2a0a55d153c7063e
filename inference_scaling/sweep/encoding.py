"""Token ids of questions, checked before any search begins."""

from collections.abc import Callable, Mapping, Sequence

from inference_scaling import decoding, models


def encode(
  who: str,
  questions: Mapping[int, str],
  encode: Callable[[str], list[int]],
) -> dict[int, list[int]]:
  """Encodes questions; raises a ValueError that names one that fails."""
  rows = {}
  for i, question in questions.items():
    try:
      rows[i] = encode(question)
    except ValueError as error:
      raise ValueError(f"problem {i}, its prompt for {who}: {error}") from error
  return rows


def prefix(
  encode: Callable[[str], list[int]], rows: Mapping[int, Sequence[int]]
) -> tuple[int, ...]:
  """Finds what all prompts begin with, whatever the question.

  Two questions that share nothing are among them, so that it does not depend on
  which problems there are: records of a sweep that grows stay the same.

  Args:
    encode: makes the prompt of a question.
    rows: the prompts of the problems.

  Returns:
    The tokens; () where they are few.
  """
  try:
    others = [encode(question) for question in ("0", "1")]
  except ValueError:  # a tokenizer without digits
    return ()
  return decoding.common_prefix([*rows.values(), *others])


def check_tokens(
  who: str, rows: Mapping[int, Sequence[int]], model: models.Model
) -> None:
  """Raises a ValueError that names a prompt with a token that has no row."""
  size = model.config.vocab_size
  for i, row in rows.items():
    unknown = sorted({token for token in row if token >= size})
    if unknown:
      names = model.tokenizer.convert_ids_to_tokens(unknown)
      raise ValueError(
        f"problem {i}: its prompt for {who} holds {names}, for which the "
        f"embedding of {size} rows has none. Take them out of the question or "
        "the chat template."
      )


def check_lengths(
  who: str,
  rows: Mapping[int, Sequence[int]],
  limits: decoding.Limits,
  group: str,
) -> None:
  """Raises a ValueError that names prompts longer than the cache."""
  size = limits.prompt_buffer
  long = {i: len(row) for i, row in rows.items() if len(row) > size}
  if long:
    examples = ", ".join(f"{i} ({long[i]} tokens)" for i in sorted(long)[:5])
    raise ValueError(
      f"{len(long)} of {len(rows)} prompts of {who} are longer than {size} "
      f"tokens, {group}.prompt_tokens ({limits.prompt_tokens}) rounded up to a "
      f"multiple of 32: problems {examples}. Raise it to "
      f"{max(long.values())}, or leave these problems out."
    )
