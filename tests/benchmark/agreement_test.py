"""Next-token agreement against numpy, its interval, and what is read."""

import json

import numpy as np
import pytest

from inference_scaling import models
from inference_scaling.benchmark import agreement

MODEL = "embedded/policy_small"
TEXTS = agreement.synthetic_texts(6)


def by_name(rows):
  return {row.name: row for row in rows}


def log_softmax(logits):
  logits = logits.astype(np.float64)
  logits -= logits.max(axis=-1, keepdims=True)
  return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def test_numbers_are_those_of_numpy_text_by_text():
  first, other = (
    models.load_model(MODEL, dtype=dtype) for dtype in ("float32", "fp8")
  )
  same, nats, count = 0, 0.0, 0
  for text in TEXTS:
    ids = first.tokenizer(text.prompt + text.solution)["input_ids"]
    start = len(first.tokenizer(text.prompt)["input_ids"])
    tokens = np.array([ids])
    one, two = (
      log_softmax(np.asarray(model.logits(model.params, tokens))[0])
      for model in (first, other)
    )
    for place in range(start - 1, len(ids) - 1):
      same += one[place].argmax() == two[place].argmax()
      nats += np.sum(np.exp(one[place]) * (one[place] - two[place]))
      count += 1
  rows = by_name(agreement.measure(MODEL, "float32", ["fp8"], TEXTS))
  differ = rows["fp8, likeliest next tokens that differ"]
  assert differ.value == pytest.approx(100 * (1 - same / count))
  assert f"{count} tokens of 6 texts" in differ.note
  divergence = rows["fp8, divergence"].value
  assert divergence == pytest.approx(nats / count, rel=1e-3) and divergence > 0


def test_a_model_agrees_with_itself_and_weights_are_counted():
  rows = by_name(
    agreement.measure(MODEL, "float32", ["float32", "int8"], TEXTS[:2])
  )
  assert rows["float32, likeliest next tokens that differ"].value == 0
  assert rows["float32, divergence"].value == pytest.approx(0, abs=1e-7)
  assert rows["int8, divergence"].value > 1e-7
  sizes = [rows[f"{dtype}, weights"].value for dtype in ("float32", "int8")]
  assert 3.5 < sizes[0] / sizes[1] < 4


def test_an_interval_is_that_of_a_ratio_of_means():
  assert agreement.ratio(np.full(4, 2.0), np.full(4, 8.0)) == (0.25, 0.0)
  # Texts of one length: the usual interval of a mean.
  parts = np.array([1.0, 2.0, 4.0, 5.0])
  mean, half = agreement.ratio(parts, np.full(4, 10.0))
  assert mean == pytest.approx(0.3)
  assert half == pytest.approx(1.96 * parts.std(ddof=1) / 2 / 10)


def test_solved_problems_are_read_from_a_file(tmp_path):
  path = tmp_path / "solved.jsonl"
  rows = [{"question": f"q{i}", "answer": f"a{i}"} for i in range(5)]
  path.write_text("".join(json.dumps(row) + "\n" for row in rows))
  texts = agreement.file_texts(str(path), "question", "answer", 2)
  assert texts == [
    agreement.Text("q0\n", "a0"), agreement.Text("q1\n", "a1")
  ]  # fmt: skip
  with pytest.raises(ValueError, match=r"line 1.*`solution`.*answer, question"):
    agreement.file_texts(str(path), "question", "solution", 2)
  with pytest.raises(FileNotFoundError):
    agreement.file_texts(str(tmp_path / "none"), "question", "answer", 2)
