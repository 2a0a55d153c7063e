r"""What stands around an answer and is no part of it.

Taken off, in layers, where they enclose the whole answer: math delimiters,
environments, bold and italics, also of HTML, quotes, backticks and code fences,
colors, commands of emphasis, and a group in braces. Also what stands beside an
answer without belonging to it: punctuation, `\tag{1}`, a check mark or other
picture, and a bracket or quote that closes what was opened before it.

Parentheses and square brackets that belong to a value stay: `(1, 2)`, `[0, 1)`,
`(-\infty, 3]`, `]0, 1[`, `(C)`. Square brackets around one number or the letter
of a choice are none of these. Braces with a comma in them may be a set, and are
taken off only where a command needs them: `\color{red}{1, 2}`.
"""

import re

from inference_scaling.tasks.extraction import (
  boxes,
  delimiters,
  statements,
)

# Each takes time in the length of the answer, so their number is bounded.
MAX_LAYERS = 16

_QUOTES = (
  ("``", "''"), ("``", "``"), ("`", "`"), ('"', '"'),
  ("'", "'"), ("__", "__"), ("_", "_"),
  *((left, right) for left, right in delimiters.QUOTES),
  *((f"<{tag}>", f"</{tag}>") for tag in ("b", "strong", "i", "em", "u")),
)  # fmt: skip
_FENCE = re.compile(r"(`{3,}+)(?:[ \t]*\w*[ \t]*\n)?(.+?)\1", re.S)

_NOTE = re.compile(
  r"\\(?:tag\s*\*?|label)\s*\{[^{}]*\}|\\(?:nonumber|notag)(?![A-Za-z])"
)
_COLOR = re.compile(
  r"\\(?:(?:text)?color|colorbox|fcolorbox\s*\{[^{}]*\})"
  r"\s*(?:\[[^\[\]]*\]\s*)?\{[^{}]*\}\s*"
)
_STYLE = re.compile(
  r"\\(?:bf|it|rm|sf|tt|em|bfseries|itshape|boldmath|large|Large|LARGE|huge"
  r"|Huge)(?![A-Za-z])\s*"
)
_EMPHASIS = re.compile(
  r"\\(?:underline|mathbf|mathit|mathsf|boldsymbol|bm|pmb|bold|hbox|emph"
  r"|ensuremath|bbox\s*\[[^\[\]]*\])\s*(?=\{)"
)
_WITHOUT_SUBSTANCE = re.compile(
  "|".join(command.pattern for command in (_COLOR, _STYLE, _EMPHASIS))
)
# What no answer is without; `\{\}` is the empty set.
_SUBSTANCE = re.compile(r"[^\s$*_`'\"~.,;:!{}()\[\]\\]|\\[{|]")
_ENVIRONMENT = re.compile(
  r"\\begin\s*\{((?:equation|align|aligned|flalign|gather|gathered"
  r"|multline|split|eqnarray|displaymath|math|center)\*?)\}(.*)"
  r"\\end\s*\{\1\}",
  re.S,
)
_ROW_MARK = re.compile(
  r"(?P<begin>\\begin\s*\{)|(?P<end>\\end\s*\{)"
  r"|(?P<row>\\\\(?:\s*\[[^\[\]]*\])?)|(?P<column>&)|\\.",
  re.S,
)
# Check marks, stars and the pictures of messages.
_PICTURES = (
  r"[\s\u2705\u2611\u2713\u2714\u2728\u2b50\ufe0f\U0001f300-\U0001faff]+"
)
_DECORATION = re.compile(rf"\A{_PICTURES}|(?<!{_PICTURES[:-1]}){_PICTURES}\Z")
_ONE_IN_BRACKETS = re.compile(
  r"\[\s*([A-Z]|[-+\u2212]?(?:\d+(?:\.\d+)?(?:\s*/\s*\d+)?"
  r"|\\[dt]?frac\s*\{\d+\}\s*\{\d+\}))\s*\]"
)
_ANSWER_TAG = re.compile(r"<(/?)answer\b[^<>]*>", re.I)


def strip_surroundings(answer: str) -> str:
  """Strips what stands around an answer and is no part of it.

  Args:
    answer: what a statement says, not longer than an answer may be.

  Returns:
    The answer; empty if there is none, or only the beginning of a box.
  """
  if boxes.has_box(answer):
    answer = next(boxes.from_last(answer), "")
  if any(not tag[1] for tag in _ANSWER_TAG.finditer(answer)):
    return ""  # closed tags have been read before
  for mark in (_ANSWER_TAG, _NOTE, statements.TAG):
    answer = mark.sub("", answer)
  if not _SUBSTANCE.search(_WITHOUT_SUBSTANCE.sub("", answer)):
    return ""  # at once, since many such statements may be tried
  for _ in range(MAX_LAYERS):
    before = answer
    answer = _DECORATION.sub("", answer.strip()).strip()
    answer = delimiters.strip_delimiters(answer.strip("*"))
    for strip in (_quotes, _unmatched, _commands, _environment):
      inside = strip(answer)
      if inside != answer:
        answer = inside
        break
    if answer == before:
      break
  answer = delimiters.strip_delimiters(_COLOR.sub("", answer))
  return delimiters.join_thousands(answer)


def _unmatched(answer: str) -> str:
  """Strips one mark that closes or opens nothing of the answer."""
  answer = answer.strip("_")
  for mark in ("```", "`", '"'):
    if answer.endswith(mark) and answer.count(mark) % 2:
      return answer.removesuffix(mark)
  lefts = [left for left, right in delimiters.QUOTES if answer[-1:] == right]
  if lefts and answer.count(answer[-1]) > sum(map(answer.count, lefts)):
    return answer[:-1]
  last = len(answer) - 1
  if answer.endswith("}") and not delimiters.is_escaped(answer, last):
    closes = last in delimiters.matching_braces(answer).values()
    return answer if closes else answer[:-1]
  if answer.endswith((")", "]")) and _is_left_over(answer):
    return answer[:-1]
  return answer


def _is_left_over(answer: str) -> bool:
  r"""Says whether the bracket at the end closes nothing.

  Intervals mix brackets and reverse them, `[0, 1)`, `]0, 1]`, so that only
  their numbers tell: those of an interval are even.
  """
  if answer[:-1].rstrip().endswith("\\right"):
    return False
  square = answer.count("[") + answer.count("]")
  total = square + answer.count("(") + answer.count(")")
  closing = answer.count(")") + answer.count("]")
  return closing > total - closing and (total % 2 == 1 or not square)


def _quotes(answer: str) -> str:
  """Strips a code fence, a pair of quotes or brackets around one value."""
  fenced = _FENCE.fullmatch(answer)
  if fenced:
    return fenced[2]
  for left, right in _QUOTES:
    if (
      len(answer) > len(left) + len(right)
      and answer.startswith(left)
      and answer.endswith(right)
    ):
      inside = answer[len(left) : -len(right)]
      if left not in inside and right not in inside:
        return inside
  match = _ONE_IN_BRACKETS.fullmatch(answer)
  return match[1] if match else answer


def _commands(answer: str) -> str:
  """Strips one command around the answer, with the braces that it needs."""
  for command in (_COLOR, _EMPHASIS):
    match = command.match(answer)
    if match:
      inside = _group(answer[match.end() :])
      if inside is not None:
        return inside
  match = _COLOR.match(answer) or _STYLE.match(answer)
  if match:
    return answer[match.end() :]
  inside = _group(answer)
  if inside is None:
    return answer
  declared = _COLOR.match(inside.lstrip()) or _STYLE.match(inside.lstrip())
  if declared:
    return inside.lstrip()[declared.end() :]
  return answer if "," in inside else inside


def _group(text: str) -> str | None:
  """Returns what is in the braces around a whole text, None without them."""
  if not (text.startswith("{") and text.endswith("}")):
    return None
  whole = delimiters.closing_brace(text, 0) == len(text) - 1
  return text[1:-1] if whole else None


def _environment(answer: str) -> str:
  """Strips an environment that only displays its rows.

  Of a computation in several rows the last one is the result.
  """
  match = _ENVIRONMENT.fullmatch(answer)
  if not match:
    return answer
  inside = match[2]
  if match[1] in inside:  # two of them, with something between
    return answer
  rows = _rows(inside.strip().rstrip("\\"))
  last = rows[-1].strip()
  return last[1:] if last.startswith("=") else "".join(rows).strip()


def _rows(inside: str) -> list[str]:
  """Splits the rows of an environment, those of another in it left whole.

  Args:
    inside: what the environment holds.

  Returns:
    Its rows without their alignment, and between them what ends them.
  """
  rows, row, at, depth = [], "", 0, 0
  for mark in _ROW_MARK.finditer(inside):
    kind = mark.lastgroup
    depth += (kind == "begin") - (kind == "end")
    if depth or kind not in ("row", "column"):
      continue
    row += inside[at : mark.start()]
    at = mark.end()
    if kind == "row":
      rows += [row, mark[0]]
      row = ""
  return [*rows, row + inside[at:]]
