import hypothesis
import pytest
from hypothesis import strategies as st

from inference_scaling.tasks.extraction import delimiters


@pytest.mark.parametrize(
  ("text", "end"),
  [
    (r"{}", 1),
    (r"{a{b}c}", 6),
    (r"{a{b{c}\}d}e", None),
    (r"{b{c}\}d}e", 8),
    (r"{\{1\}}", 6),
    (r"{1\\}", 4),  # a line break, and the end of the group
    (r"{1\\{2}}", 7),
    (r"{1\\\}}", 6),  # a line break and an escaped brace
    (r"{1\\\\}", 6),
    ("{\\\n}", 3),
    (r"{1\}", None),
    (r"{1", None),
    ("{1\\", None),
  ],
)
def test_an_odd_number_of_backslashes_escapes_a_brace(text, end):
  assert delimiters.closing_brace(text, 0) == end
  assert delimiters.matching_braces(text).get(0) == end


@hypothesis.given(st.text("{}\\ab", max_size=30))
def test_one_pass_finds_what_single_searches_find(text):
  pairs = delimiters.matching_braces(text)
  for start, end in pairs.items():
    assert delimiters.closing_brace(text, start) == end
  # Those that a search does not close are in no pair.
  escaped = {i + 1 for i in _escapes(text)}
  for start, mark in enumerate(text):
    if mark == "{" and start not in escaped and start not in pairs:
      assert delimiters.closing_brace(text, start) is None


def _escapes(text):
  """Places of the backslashes that escape what follows."""
  at = 0
  while at < len(text):
    if text[at] == "\\":
      yield at
      at += 1
    at += 1


@pytest.mark.parametrize(
  ("answer", "stripped"),
  [
    ("$42$.", "42"),
    ("$$42$$", "42"),
    (r"\(42\).", "42"),
    (r"\[ 42. \]", "42"),
    (r"\$42", "42"),
    (r"\(3\) and \(5\)", "3 and 5"),
    (r"$3$ and $5$", "3 and 5"),
    (r"42\,", "42"),
    (r"42 \\", "42"),
    (r"\(42\;\)", "42"),
    (r"1\\(2)", r"1\\(2)"),
    (r"1\\[2pt]2", r"1\\[2pt]2"),
    (r"1\\$2$", r"1\\2"),
    (r"(1, 2)", "(1, 2)"),
    (r"[0, 1)", "[0, 1)"),
    (r"\{1, 2\}", r"\{1, 2\}"),
    ("5!", "5!"),
    ("5...", "5"),
    ("1, 2, 3, ...", "1, 2, 3, ..."),
    ("0.333...", "0.333..."),
    ("", ""),
  ],
)
def test_strips_math_delimiters_and_closing_punctuation(answer, stripped):
  assert delimiters.strip_delimiters(answer) == stripped
  assert delimiters.strip_delimiters(stripped) == stripped


@pytest.mark.parametrize(
  ("answer", "joined"),
  [
    ("1,234", "1234"),
    (r"1,\!234,\! 567.50", "1234567.50"),
    ("-12,345", "-12345"),
    ("1, 234", "1, 234"),
    ("1,23", "1,23"),
    ("1234,567", "1234,567"),
    ("(1,234)", "(1,234)"),
  ],
)
def test_joins_the_thousands_of_one_number(answer, joined):
  assert delimiters.join_thousands(answer) == joined
