"""The numbers of a report, computed from records."""

import dataclasses
from collections.abc import Mapping, Sequence

import pandas as pd

from inference_scaling import names
from inference_scaling.analysis import strategies, votings
from inference_scaling.analysis.comparison import (
  aggregations,
  confidence_votes,
  machine_time,
  selection,
)
from inference_scaling.analysis.comparison import (
  hidden_states as hidden_states_lib,
)
from inference_scaling.analysis.estimates import outcomes as outcomes_lib
from inference_scaling.analysis.estimates import panel as panel_lib
from inference_scaling.analysis.estimates import summary as summary_lib
from inference_scaling.analysis.estimates import variance
from inference_scaling.analysis.records import charging, flops_parts, load
from inference_scaling.analysis.report import paper_tables
from inference_scaling.analysis.report import tables as tables_lib
from inference_scaling.analysis.stopping import against_fixed
from inference_scaling.analysis.theory import limits

COMMON = "common_problems"  # the table of what all policies have
# Tables that a report has or lacks; the others may be empty.
OPTIONAL_TABLES = (
  COMMON,
  confidence_votes.TABLE,
  *hidden_states_lib.TABLES,
  *machine_time.TABLES,
  against_fixed.TABLE,
)


@dataclasses.dataclass(frozen=True)
class Analysis:
  """The numbers of report.md.

  Attributes:
    summary: rows of `summarize`.
    panels: "all", and "easy" and "hard" where such problems exist.
    claims: growth, best_policy, search_gain, smaller_against_largest,
      voting_gap, hard_gain.
    tables: by the name of their CSV file; empty frames where there is nothing
      to compare.
    policies: number of parameters by policy with records, in rising order.
    notes: what is missing, one sentence each.
    aggregation: of best-of-n and weighted voting in figures and claims;
      "none" without a reward model, which leaves majority voting.
    convention: FLOPs convention of the tables.
    hard_from: the lowest hard level.
    num_subsets: sampled subsets per problem.
    records: those that the numbers are of.
    charges: how often hidden states of a value head's policy are charged, one
      of `flops_parts.CHARGES`.
  """

  summary: pd.DataFrame
  panels: Mapping[str, panel_lib.Panel]
  claims: Mapping[str, pd.DataFrame]
  tables: Mapping[str, pd.DataFrame]
  policies: Mapping[str, int]
  notes: tuple[str, ...]
  aggregation: str
  convention: str
  hard_from: int
  num_subsets: int
  records: Sequence[load.Record]
  charges: str = flops_parts.TWICE

  @property
  def flops(self) -> str:
    """The cost column of the convention."""
    return f"flops_{self.convention}"

  @property
  def counts(self) -> dict[str, int]:
    """Number of problems by policy, in rising order of parameters."""
    return selection.most_problems(self.summary)

  @property
  def problems(self) -> dict[str, int]:
    """Number of problems by policy; empty where all have as many."""
    return selection.unequal_problems(self.summary)

  @property
  def common(self) -> pd.DataFrame:
    """Rows of `summarize` on the problems that all policies have."""
    return self.tables.get(COMMON, self.summary)

  @property
  def num_common(self) -> int | None:
    """How many problems all policies have; None where these are all."""
    if COMMON not in self.tables:
      return None
    return int(max(self.tables[COMMON]["problems"]))


def analyze(
  records: list[load.Record],
  parameters: Mapping[str, int],
  *,
  aggregation: str | None = None,
  convention: str = names.PAPER,
  hard_from: int = panel_lib.HARD_FROM,
  hidden_states: str = flops_parts.TWICE,
  price_per_hour: float | None = None,
  stopping_rules: bool = False,
  num_subsets: int = 200,
  seed: int = 0,
) -> Analysis:
  """Computes every table of the report.

  Args:
    records: the records of a sweep.
    parameters: number of parameters by policy name.
    aggregation: how best-of-n and weighted voting read step scores in figures
      and claims, one of `names.AGGREGATIONS`; by default the first of these
      that every record has votes by. The summary holds all. Without a reward
      model there is only "none".
    convention: FLOPs convention of tables; one of `names.CONVENTIONS`.
    hard_from: problems of this level and above are hard; the default will do
      whatever levels there are.
    hidden_states: how often those that a value head reads of its own policy are
      charged; one of `flops_parts.CHARGES`.
    price_per_hour: dollars an hour of one worker, the machine or the devices
      that one process has; None for no price.
    stopping_rules: whether to try rules that stop sampling on the samples; done
      in any case where a search of the records stops so.
    num_subsets: sampled subsets where there are too many to enumerate.
    seed: seed of the sampled subsets.

  Returns:
    The Analysis.

  Raises:
    ValueError: if an option is not known, the price is none, `hard_from` is
      outside the levels of the problems, two policies have no problem in
      common, or there are no samples for the rules that it is told to try.
  """
  machine_time.check_price(price_per_hour)
  if hard_from != panel_lib.HARD_FROM:
    _check_level(hard_from, [record.level for record in records])
  recorded = _aggregations(records)
  if aggregation is None:
    aggregation = recorded[0]
  _check_known("aggregation", aggregation, recorded)
  _check_known("convention", convention, names.CONVENTIONS)
  records = charging.charge(records, hidden_states)
  frame = outcomes_lib.make_outcomes(
    records, num_subsets=num_subsets, seed=seed
  )
  panels = panel_lib.panels_by_level(frame, hard_from)
  runs = machine_time.run_costs(records, price_per_hour)
  summary = machine_time.add_costs(
    summary_lib.summarize(panels, parameters), runs
  )
  policies = selection.policies_of(summary)
  common_frame = panel_lib.on_common_problems(frame)
  is_common = common_frame is frame
  common = panels
  if not is_common:
    common = panel_lib.panels_by_level(common_frame, hard_from)
  numbers = tables_lib.Numbers(
    panels, common["all"], policies, aggregation, convention
  )
  tables = _tables(
    numbers, records, recorded, frame, summary, runs,
    num_subsets=num_subsets, seed=seed,
  )  # fmt: skip
  if stopping_rules or against_fixed.is_used(records):
    tables[against_fixed.TABLE] = against_fixed.stopping_rules(
      records, list(policies), aggregation, frame=frame,
      num_subsets=num_subsets, seed=seed,
    )  # fmt: skip
    if stopping_rules:
      _check_samples(tables[against_fixed.TABLE])
  if not is_common:
    tables[COMMON] = machine_time.add_costs(
      summary_lib.summarize(common, parameters), runs
    )
  return Analysis(
    summary=summary,
    panels=panels,
    claims=tables_lib.make_claims(numbers),
    tables=tables,
    policies=policies,
    notes=(*_gaps(summary, records, parameters), *panels["all"].notes),
    aggregation=aggregation,
    convention=convention,
    hard_from=hard_from,
    num_subsets=num_subsets,
    records=records,
    charges=hidden_states,
  )


def _tables(
  numbers: tables_lib.Numbers,
  records: list[load.Record],
  recorded: tuple[str, ...],
  frame: pd.DataFrame,
  summary: pd.DataFrame,
  runs: pd.DataFrame,
  *,
  num_subsets: int,
  seed: int,
) -> dict[str, pd.DataFrame]:
  """The tables that every report has, and those of what its records hold.

  Args:
    numbers: panels, policies, aggregation and convention.
    records: as they are charged.
    recorded: aggregations that every record has votes by.
    frame: outcomes of the records.
    summary: rows of `summarize`.
    runs: of `machine_time.run_costs`.
    num_subsets: as of `analyze`.
    seed: likewise.

  Returns:
    The tables, by the name of their CSV file.
  """
  panel, policies = numbers.panels["all"], list(numbers.policies)
  how = numbers.aggregation
  return tables_lib.make_tables(numbers) | {
    "aggregations": aggregations.compare_aggregations(
      panel, policies, recorded
    ),
    **confidence_votes.confidence_tables(panel, policies, how),
    "table_3": paper_tables.table_three(summary, numbers.flops),
    "limits": limits.limits_table(records, how),
    "theory": limits.theory_curves(records, how),
    "variance": variance.variance_table(frame),
    **hidden_states_lib.hidden_states_tables(
      records, policies, how, num_subsets=num_subsets, seed=seed
    ),
    **machine_time.cost_tables(numbers.common, how, runs),
  }


def _check_known(name: str, value: str, known: Sequence[str]) -> None:
  """Refuses a value of an option that there is not."""
  if value not in known:
    raise ValueError(f"{name} {value!r} is not known; expected one of {known}")


def _check_level(hard_from: int, levels: Sequence[int]) -> None:
  """Refuses a bound between easy and hard that is outside all levels."""
  if not min(levels) <= hard_from <= max(levels):
    raise ValueError(
      f"hard_from is {hard_from}; expected a level from {min(levels)} to"
      f" {max(levels)}, which the problems of the records have"
    )


def _aggregations(records: list[load.Record]) -> tuple[str, ...]:
  """The aggregations by which every record holds weighted votes."""
  if not any(record.rewarded for record in records):
    return (votings.NO_AGGREGATION,)
  common = set.intersection(*(set(record.votes) for record in records))
  shared = tuple(
    how for how in names.AGGREGATIONS if f"{votings.WEIGHTED}/{how}" in common
  )
  if not shared:
    raise load.RecordError(
      "no aggregation has weighted votes in every record; votes in common are"
      f" {sorted(common)}, expected {votings.WEIGHTED}/HOW with HOW one of"
      f" {names.AGGREGATIONS}"
    )
  return shared


def _gaps(
  summary: pd.DataFrame,
  records: Sequence[load.Record],
  parameters: Mapping[str, int],
) -> list[str]:
  """Sentences on what this sweep lacks of a complete one."""
  notes = []
  missing = sorted(set(parameters) - set(summary["policy"]))
  if missing:
    notes.append(f"No records yet of policies: {', '.join(missing)}.")
  if not all(record.reward_apart for record in records):
    notes.append(
      "The ledger does not tell the reward model's FLOPs apart: majority voting"
      " is charged for it in the conventions with_reward and full."
    )
  return notes


def _check_samples(rules: pd.DataFrame) -> None:
  """Checks that rules that were asked for were tried on something."""
  if rules.empty:
    raise ValueError(
      "stopping_rules is True, but no record has samples to try rules on; "
      f"expected runs of the strategy {strategies.SAMPLING!r} with n "
      "of at least 2, variants of which are not read. Run them, or leave "
      "stopping_rules out."
    )
