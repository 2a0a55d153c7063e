r"""Writes the report on a sweep again, or one on several, from records alone.

  python launch/report.py runs/demo [--convention=full] [--aggregation=mean] \
    [--hard_from=4] [--hidden_states=once] [--price_per_hour=2.5] \
    [--stopping_rules]
  python launch/report.py runs/small runs/large --output=runs/joined

Reads records.jsonl and config.json of each folder, which a sweep has made and
may still be writing. Writes report.md, report.html, report.tex (its tables in
LaTeX), summary.csv, claims/, tables/ and figures/ into the folder of the sweep,
or into --output. No model is loaded and no accelerator is used.

Several folders are of one benchmark: problems that two of them have are the
same. Runs of all seeds and sizes are joined. A policy or a strategy that is not
the same in two folders is told apart by the name of the folder, small@a and
small@b, and a search that stands in several counts once.
"""

from absl import app, flags

from inference_scaling import analysis, launching, names
from inference_scaling.analysis.estimates import panel, summary
from inference_scaling.analysis.records import flops_parts

# --help prints it.
__doc__ = f"{__doc__}\nThe columns of summary.csv:\n\n" + "".join(
  f"  {column}: {meaning}\n" for column, meaning in summary.describe()
)

_WORKDIR = flags.DEFINE_string(
  "workdir", None,
  "The folder of the sweep, such as runs/demo, for one given without a flag.",
)  # fmt: skip
_OUTPUT = flags.DEFINE_string(
  "output", None,
  "The folder of the report; by default that of the sweep. A report on several "
  "sweeps needs one that is none of theirs.",
)  # fmt: skip
_AGGREGATION = flags.DEFINE_enum(
  "aggregation", None, names.AGGREGATIONS,
  "How best-of-n and weighted voting read step scores in figures and claims; "
  "by default the first of these that the records have votes by.",
)  # fmt: skip
_CONVENTION = flags.DEFINE_enum(
  "convention", names.PAPER, names.CONVENTIONS,
  "What the FLOPs of the tables count: the policy's generated tokens, also the "
  "reward model's tokens, or also prompts, attention and the unembedding.",
)  # fmt: skip
_HIDDEN_STATES = flags.DEFINE_enum(
  "hidden_states", flops_parts.TWICE, flops_parts.CHARGES,
  "A value head reads hidden states of a policy. Where this is the policy that "
  "writes, decoding has computed them: twice charges the policy and the reward "
  "model for them, as two models; once charges the policy alone, and of the "
  "reward model the head. Other reward models are always charged in full.",
)  # fmt: skip
_HARD_FROM = flags.DEFINE_integer(
  "hard_from", panel.HARD_FROM,
  "Problems of this level and above are hard; one of the records' levels.",
)  # fmt: skip

_PRICE = flags.DEFINE_float(
  "price_per_hour", None,
  "Dollars that one worker costs an hour: the machine, or the devices that one "
  "process of the sweep has. The report then tells costs in dollars, too.",
  lower_bound=0.0,
)  # fmt: skip

_STOPPING_RULES = flags.DEFINE_bool(
  "stopping_rules", False,
  "Also tries rules that stop sampling early on the samples that are recorded, "
  "as is done in any case where a sweep has runs of adaptive sampling.",
)  # fmt: skip


def main(argv: list[str]) -> None:
  folders = argv[1:] + ([] if _WORKDIR.value is None else [_WORKDIR.value])
  # An empty name would be the folder that the program is started in.
  if not folders or "" in (*folders, _OUTPUT.value):
    raise app.UsageError("a folder is missing; give one, such as runs/demo.")
  report = analysis.write_report(
    folders,
    _OUTPUT.value,
    aggregation=_AGGREGATION.value,
    convention=_CONVENTION.value,
    hidden_states=_HIDDEN_STATES.value,
    hard_from=_HARD_FROM.value,
    price_per_hour=_PRICE.value,
    stopping_rules=_STOPPING_RULES.value,
  )
  print(f"Report:  {report} and {report.stem}.html")
  print(f"Numbers: {report.parent / 'summary.csv'}")
  if (report.parent / "figures").is_dir():  # none where nothing has an answer
    print(f"Figures: {report.parent / 'figures'}")


if __name__ == "__main__":
  launching.run(main)
