"""What stands around the tree on its page: votes, answers, candidates, cost."""

import html
import math
from collections.abc import Mapping

from inference_scaling import names
from inference_scaling.analysis.trees import layout, markup
from inference_scaling.spec import record as record_lib

_VOTES = {
  names.MAJORITY: "Majority",
  names.BEST_OF_N: "Best of n",
  names.WEIGHTED: "Weighted",
}
_CONVENTIONS = {name: name.replace("_", " ") for name in names.CONVENTIONS}


def votes(record: record_lib.Record) -> str:
  """A table of the winning answers: methods by aggregations of rewards."""
  found: dict[str, dict[str, record_lib.Vote]] = {}
  for name, vote in record.votes.items():
    method, _, aggregation = name.partition("/")
    found.setdefault(method, {})[aggregation] = vote
  known = bool(record.problem.gold)
  aggregations = list(
    dict.fromkeys(x for columns in found.values() for x in columns if x)
  )
  rows = []
  for method, columns in found.items():
    cells = [_vote(columns[x], known) for x in aggregations if x in columns]
    if "" in columns:  # one that reads no rewards
      span = max(len(aggregations), 1)
      cells = [_vote(columns[""], known, span)]
    rows.append(f"<tr><th>{_VOTES[method]}</th>{''.join(cells)}</tr>")
  heads = "".join(f"<th>{html.escape(x)}</th>" for x in aggregations)
  head = f"<thead><tr><th></th>{heads}</tr></thead>" if heads else ""
  return f'<table class="votes">{head}<tbody>{"".join(rows)}</tbody></table>'


def answers(record: record_lib.Record) -> str:
  """A table of the answers, by how many candidates give each."""
  groups: dict[str | None, list[record_lib.Candidate]] = {}
  for candidate in record.candidates:
    groups.setdefault(candidate.answer, []).append(candidate)
  total = len(record.candidates)
  rewarded = record.tree.scores is not None
  rows = []
  for answer, group in sorted(
    groups.items(), key=lambda item: (item[0] is None, -len(item[1]))
  ):
    name = '<span class="answer none">no answer</span>'
    if answer is not None:
      name = markup.answer_label(group[0])
    width = 100 * len(group) / total
    cells = [
      f"<td>{name}</td>",
      f'<td class="bar"><span style="width:{width:.1f}%"></span></td>',
      f'<td class="number">{len(group)}</td>',
    ]
    if rewarded:
      last = [candidate.step_scores[-1] for candidate in group]
      numbers = f"{sum(last):.2f}", markup.reward_text(max(last))
      if answer is None:  # which has no vote
        numbers = "&ndash;", "&ndash;"
      cells += [f'<td class="number">{number}</td>' for number in numbers]
    rows.append(f"<tr>{''.join(cells)}</tr>")
  heads = ["answer", "", "candidates"]
  heads += ["sum of last rewards", "best"] if rewarded else []
  head = "".join(f"<th>{name}</th>" for name in heads)
  return (
    f'<table class="answers"><thead><tr>{head}</tr></thead>'
    f"<tbody>{''.join(rows)}</tbody></table>"
  )


def candidates(record: record_lib.Record) -> str:
  """A list of the candidates, those with an answer first, with their texts."""
  limits = layout.score_limits(record)
  found = sorted(
    record.candidates,
    key=lambda c: (
      c.answer is None,
      c.status == names.UNFINISHED,
      [-score for score in c.step_scores[-1:]],
    ),
  )
  texts = record.tree.texts
  items = [
    _candidate(candidate, texts[candidate.path[-1]], limits)
    for candidate in found
  ]
  return f'<div class="candidates">{"".join(items)}</div>'


def cost(record: record_lib.Record) -> str:
  """Tables of what is known: tokens by kind, and FLOPs by convention."""
  ledger = record.ledger
  discarded = ledger.policy_discarded or 0
  share = discarded / ledger.policy_decode if ledger.policy_decode else 0.0
  tokens = [
    ("Policy reads of the prompt", ledger.policy_prefill, "{:,} tokens"),
    ("Policy generates", ledger.policy_decode, "{:,} tokens"),
    (
      "&ensp;of these in no candidate",
      ledger.policy_discarded,
      f"{{:,}} tokens ({share:.0%})",
    ),
    ("Reward model reads of the prompt", ledger.reward_prefill, "{:,} tokens"),
    ("Reward model scores", ledger.reward_scored, "{:,} tokens"),
  ]
  lines = [
    (title, words.format(count))
    for title, count, words in tokens
    if count is not None
  ]
  if ledger.cache_bytes is not None:
    size = f"{ledger.cache_bytes / 2**20:,.1f} MiB"
    lines.append(("Keys and values", size))
  left = "".join(
    f'<tr><th>{name}</th><td class="number">{value}</td></tr>'
    for name, value in lines
  )
  table = f'<table class="cost"><tbody>{left}</tbody></table>'
  return table if ledger.flops is None else table + _flops_table(ledger)


def _flops_table(ledger: record_lib.Ledger) -> str:
  rows = (
    ("All", ledger.flops),
    ("&ensp;prompts, policy", ledger.flops_prefill),
    ("&ensp;reward model", ledger.flops_reward),
  )
  right = "".join(
    f"<tr><th>{title}</th>{_flops(by_convention)}</tr>"
    for title, by_convention in rows
    if by_convention is not None
  )
  names = "".join(
    f"<th>{_CONVENTIONS[name] if name in _CONVENTIONS else name}</th>"
    for name in ledger.flops
  )
  return (
    f'<table class="cost"><thead><tr><th>FLOPs, by convention</th>{names}</tr>'
    f"</thead><tbody>{right}</tbody></table>"
  )


def _vote(vote: record_lib.Vote, known: bool, span: int = 1) -> str:
  """A cell with the answer that won."""
  verdict = bool(vote.correct) if known else None
  answer = "&ndash;" if vote.answer is None else html.escape(vote.answer)
  wide = f' colspan="{span}"' if span > 1 else ""
  return (
    f'<td{wide}><span class="answer {markup.VERDICTS[verdict]}">{answer} '
    f"{markup.MARKS[verdict]}</span></td>"
  )


def _candidate(
  candidate: record_lib.Candidate,
  last_step: str,
  limits: tuple[float, float] | None,
) -> str:
  """One candidate: its answer and rewards, and its text when opened."""
  cells = "".join(
    f'<b style="{markup.reward_cell(score, limits)}">'
    f"{markup.reward_text(score)}</b>"
    for score in candidate.step_scores
  )
  steps = len(candidate.path)
  last = html.escape(layout.short_text(last_step))
  status, note = candidate.status, ""
  if candidate.answer is not None and status != names.FINISHED:
    note = markup.ENDS[status]
  return (
    f'<details data-node="{candidate.path[-1]}"><summary>'
    f"{markup.answer_label(candidate)}"
    f'<span class="rewards">{cells}</span>'
    f'<span class="last">{last}</span>'
    f'<span class="note">{note} {steps} step{"s" * (steps > 1)}, '
    f"{candidate.tokens} tokens</span></summary>"
    f"<pre>{html.escape(candidate.text.strip())}</pre></details>"
  )


def _flops(by_convention: Mapping[str, float]) -> str:
  """Cells of numbers of FLOPs."""
  return "".join(
    f'<td class="number">{_power(value)}</td>'
    for value in by_convention.values()
  )


def _power(value: float) -> str:
  """A number as 1.23 x 10^9, in HTML."""
  if not value:
    return "0"
  exponent = math.floor(math.log10(value))
  return f"{value / 10**exponent:.2f} &times; 10<sup>{exponent}</sup>"
