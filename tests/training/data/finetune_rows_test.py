"""Rows of MetaMath and Math-Shepherd: steps, labels, what is left out."""

import json
import pathlib

import pytest

from inference_scaling.training.data import finetune_rows as rows

SAMPLE = (
  pathlib.Path(__file__).parents[4]
  / "shared" / "data" / "math_shepherd_sample.jsonl"
)  # fmt: skip


def _write(path, *fields):
  path.write_text("".join(json.dumps(row) + "\n" for row in fields))
  return str(path)


def test_response_becomes_steps():
  response = "Half of 6 is 3.\n\n3 + 1 = <<3+1=4>>4\n#### 4\nThe answer is: 4"
  assert rows.in_steps(response) == (
    "Step 1: Half of 6 is 3. ки\nStep 2: 3 + 1 = <<3+1=4>>4 The answer is: 4 ки"
  )
  assert rows.in_steps("Step 1: It is 2.\nThe answer is: 2") == (
    "Step 1: It is 2. The answer is: 2 ки"
  )
  assert rows.in_steps("The answer is: 2") == "Step 1: The answer is: 2 ки"
  assert rows.in_steps("It is 2.") is None
  assert rows.in_steps("The answer is: 2\nOr so.") is None


def test_solved_rows_of_some_types(tmp_path):
  good = {"query": " Q? ", "response": "a\nThe answer is: 1"}
  path = _write(
    tmp_path / "m.jsonl",
    good | {"type": "GSM_SV"},
    good | {"type": "MATH_SV"},
    {"query": "R?", "response": "no end", "type": "GSM_SV"},
  )
  assert rows.solved_rows(path, ("GSM_",)) == [
    ("Q?", "Step 1: a The answer is: 1 ки")
  ]
  assert len(rows.solved_rows(path)) == 2
  array = tmp_path / "m.json"
  array.write_text(json.dumps([good, good]))
  assert len(rows.solved_rows(str(array))) == 2


def test_rows_may_hold_line_breaks_of_unicode(tmp_path):
  text = "1 + 1 = 2\u2028and on\n#### 2\nThe answer is: 2"
  path = tmp_path / "m.jsonl"
  row = {"query": "Q", "response": text, "type": "GSM_AnsAug"}
  path.write_text(json.dumps(row, ensure_ascii=False) + "\n")
  assert len(rows.solved_rows(str(path))) == 1


def test_a_byte_order_mark_means_nothing_and_other_encodings_are_named(
  tmp_path,
):
  row = {"query": "Q", "response": "1\n#### 1\nThe answer is: 1", "type": "x"}
  path = tmp_path / "m.jsonl"
  for text in (json.dumps(row), json.dumps([row])):
    path.write_text(text, encoding="utf-8-sig")
    assert len(rows.solved_rows(str(path))) == 1
  path.write_bytes(json.dumps(row).encode() + b'\n{"query": "caf\xe9"}')
  with pytest.raises(ValueError, match=r"m\.jsonl, line 2: no UTF-8 text"):
    rows.solved_rows(str(path))


def test_labels_line_up_with_tags():
  text = "What? Step 1: 1 + 1 = 2. ки\nStep 2: The answer is: 3 ки"
  label = "What? Step 1: 1 + 1 = 2. +\nStep 2: The answer is: 3 -"
  assert rows.read_labels(text, label) == (
    "What?",
    ("Step 1: 1 + 1 = 2.", "Step 2: The answer is: 3"),
    (True, False),
  )
  for wrong in (label[:-1], label.replace("1 + 1", "1 + 2"), label + " more",
                label.replace("3 -", "3 ки")):  # fmt: skip
    assert rows.read_labels(text, wrong) is None
  assert rows.read_labels("no tag", "no tag") is None


def test_published_rows_are_read():
  if not SAMPLE.is_file():
    pytest.skip(f"{SAMPLE} is not on this machine")
  result = rows.labelled_rows(str(SAMPLE))
  assert len(result) == 7
  raw = [json.loads(line) for line in SAMPLE.read_text().splitlines()]
  for row, solution in zip(raw, result, strict=True):
    assert len(solution.steps) == len(solution.good) == row["input"].count("ки")
    assert all(
      step.startswith(f"Step {i}:") for i, step in enumerate(solution.steps, 1)
    )
    signs = [line.rstrip()[-1] == "+" for line in row["label"].split("\n")]
    assert list(solution.good) == signs[-len(solution.good) :]
  assert result[0].good == (True, True, True, True, False)


def test_bad_files_are_named(tmp_path):
  with pytest.raises(FileNotFoundError, match=r"none\.jsonl.*hub:"):
    rows.solved_rows(str(tmp_path / "none.jsonl"))
  path = _write(tmp_path / "m.jsonl", {"query": "Q", "answer": "1"})
  with pytest.raises(ValueError, match=r"line 1: `response` is None.*answer"):
    rows.solved_rows(path)
  (tmp_path / "cut.jsonl").write_text('{"query": "Q"')
  with pytest.raises(ValueError, match=r"cut\.jsonl, line 1: no valid JSON"):
    rows.labelled_rows(str(tmp_path / "cut.jsonl"))
  path = _write(tmp_path / "m.jsonl", {"input": "no tag", "label": "no tag"})
  with pytest.raises(ValueError, match="no usable row: 1 have no labels"):
    rows.labelled_rows(path)
  with pytest.raises(ValueError, match="expected 'hub:owner/name:file'"):
    rows.labelled_rows("hub:owner/name")
  with pytest.raises(ValueError, match=r"'synthetic:some'; expected.*number"):
    rows.labelled_rows("synthetic:some")


def test_synthetic_rows_have_both_forms():
  solved = rows.solved_rows("synthetic:6")
  assert all(row.solution.endswith(" ки") for row in solved)
  labelled = rows.labelled_rows("synthetic:6")
  assert [all(row.good) for row in labelled] == [True, False] * 3
