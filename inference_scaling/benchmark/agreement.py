"""What a dtype costs: how often next tokens agree with those of a reference.

Two copies of one model, in two dtypes, read the same solutions. At each token
of a solution, which both are given, they agree if the likeliest next token is
the same; the divergence is that of the other copy's distribution from the
reference's, KL(reference || other), in nats per token. Intervals are over
texts, whose tokens are not independent.
"""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import transformers

from inference_scaling import models
from inference_scaling.benchmark import table
from inference_scaling.tasks import prompts, synthetic
from inference_scaling.tasks.files import rows

_Z = 1.96  # of a 95% interval
_MULTIPLE = 32  # of the length of a batch
# Logits of a batch are [texts, tokens, V] in float32, twice.
_TEXTS = 4
SECTION = "agreement"


@dataclasses.dataclass(frozen=True)
class Text:
  """A question and a solution.

  Attributes:
    prompt: what the model is given.
    solution: whose tokens are compared.
  """

  prompt: str
  solution: str


def synthetic_texts(count: int) -> list[Text]:
  """Problems of the synthetic benchmark's test split, solved.

  Args:
    count: how many.

  Returns:
    The texts, in the form that the embedded models were trained on.
  """
  return [
    Text(prompts.step_prompt(problem.question), problem.solution)
    for problem in synthetic.generate("test", count, seed=0)
  ]


def file_texts(
  path: str, question: str, solution: str, count: int
) -> list[Text]:
  """Reads solved problems.

  Args:
    path: of a file of JSON lines.
    question: key of the question.
    solution: key of the solution.
    count: how many, from the first on.

  Returns:
    The texts.

  Raises:
    FileNotFoundError: where there is no such file.
    ValueError: where a row is no JSON, or lacks a key.
  """
  return [
    Text(f"{row.text(question)}\n", row.text(solution))
    for row in itertools.islice(rows.read_rows(path), count)
  ]


def measure(
  source: str,
  reference: str,
  dtypes: Sequence[str],
  texts: Sequence[Text],
) -> list[table.Row]:
  """Compares a model in several dtypes with itself in another.

  Args:
    source: as `models.load_model`.
    reference: its dtype.
    dtypes: the others.
    texts: to be read; at least two.

  Returns:
    Rows of the table: agreement, divergence and bytes of weights.
  """
  first = models.load_model(source, dtype=reference)
  others = {dtype: models.load_model(source, dtype=dtype) for dtype in dtypes}
  parts: dict[str, list[np.ndarray]] = {dtype: [] for dtype in dtypes}
  logits = {
    dtype: jax.jit(model.logits)
    for dtype, model in [(reference, first), *others.items()]
  }
  for tokens, scored in batches(first.tokenizer, texts):
    expected = logits[reference](first.params, tokens)
    for dtype, model in others.items():
      other = logits[dtype](model.params, tokens)
      parts[dtype].append(np.asarray(_compare(expected, other, scored)))
  result = [_size(reference, first)]
  for dtype, model in others.items():
    result += _rows(dtype, np.concatenate(parts[dtype], axis=1))
    result.append(_size(dtype, model))
  return result


def batches(
  tokenizer: transformers.PreTrainedTokenizerFast, texts: Sequence[Text]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  """Encodes texts.

  Args:
    tokenizer: of the model.
    texts: the texts.

  Yields:
    Tokens int32[B, T], padded, and bool[B, T], which of them are followed by
    a token of a solution.
  """
  encode = lambda text: tokenizer(text)["input_ids"]  # noqa: E731
  encoded = [
    (encode(text.prompt + text.solution), len(encode(text.prompt)))
    for text in texts
  ]
  longest = max(len(whole) for whole, _ in encoded)
  length = -(-longest // _MULTIPLE) * _MULTIPLE
  for start in range(0, len(encoded), _TEXTS):
    tokens = np.zeros((_TEXTS, length), np.int32)
    scored = np.zeros((_TEXTS, length), bool)
    batch = encoded[start : start + _TEXTS]
    for row, (whole, prompt) in enumerate(batch):
      tokens[row, : len(whole)] = whole
      scored[row, prompt - 1 : len(whole) - 1] = True
    yield tokens, scored


@jax.jit
def _compare(
  expected: jax.Array, other: jax.Array, scored: jax.Array
) -> jax.Array:
  """Sums of each text: tokens, agreements and divergences; float32[3, B]."""
  same = jnp.argmax(expected, -1) == jnp.argmax(other, -1)
  likely, compared = (jax.nn.log_softmax(x) for x in (expected, other))
  divergence = jnp.sum(jnp.exp(likely) * (likely - compared), axis=-1)
  parts = (jnp.ones_like(divergence), same, divergence)
  return jnp.stack([jnp.sum(part * scored, axis=1) for part in parts])


def _rows(dtype: str, sums: np.ndarray) -> list[table.Row]:
  sums = sums[:, sums[0] > 0].astype(np.float64)
  count = f"{int(sums[0].sum())} tokens of {sums.shape[1]} texts"
  differ, differ_error = ratio(sums[0] - sums[1], sums[0])
  divergence, divergence_error = ratio(sums[2], sums[0])
  return [
    table.Row(
      SECTION, f"{dtype}, likeliest next tokens that differ", 100 * differ,
      "%", f"+- {100 * differ_error:.2f}; {count}",
    ),
    table.Row(
      SECTION, f"{dtype}, divergence", divergence, "nats/token",
      f"+- {divergence_error:.2g}",
    ),
  ]  # fmt: skip


def ratio(parts: np.ndarray, wholes: np.ndarray) -> tuple[float, float]:
  """A ratio of sums, and half of its 95% interval.

  Args:
    parts: float64[B], of each text.
    wholes: float64[B], likewise.

  Returns:
    sum(parts) / sum(wholes), and 1.96 standard errors by the delta method.
  """
  mean = parts.sum() / wholes.sum()
  rest = parts - mean * wholes
  number = len(parts)
  error = np.sqrt(np.square(rest).sum() * number / (number - 1)) / wholes.sum()
  return float(mean), float(_Z * error)


def _size(dtype: str, model: models.Model) -> table.Row:
  size = sum(leaf.nbytes for leaf in jax.tree.leaves(model.params))
  return table.Row(SECTION, f"{dtype}, weights", size / 2**20, "MiB")
