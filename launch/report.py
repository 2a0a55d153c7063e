r"""Writes the report on a sweep again, from its records alone.

  python launch/report.py --workdir=runs/demo [--convention=full] \
    [--aggregation=mean] [--hard_from=4]

Reads records.jsonl and config.json of the folder, which a sweep has made and
may still be writing, and writes report.md, summary.csv, claims/, tables/ and
figures/ there. No model is loaded and no accelerator is used.
"""

from absl import app, flags

from inference_scaling import analysis, launching, names
from inference_scaling.analysis.estimates import panel

_WORKDIR = flags.DEFINE_string(
  "workdir", None, "The folder of the sweep, such as runs/demo."
)
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
_HARD_FROM = flags.DEFINE_integer(
  "hard_from", panel.HARD_FROM, "Problems of this level and above are hard."
)


def main(argv):
  if len(argv) > 1:
    raise app.UsageError(f"unknown arguments: {argv[1:]}.")
  report = analysis.write_report(
    _WORKDIR.value,
    aggregation=_AGGREGATION.value,
    convention=_CONVENTION.value,
    hard_from=_HARD_FROM.value,
  )
  print(f"Report:  {report}")
  print(f"Numbers: {report.parent / 'summary.csv'}")
  if (report.parent / "figures").is_dir():  # none where nothing has an answer
    print(f"Figures: {report.parent / 'figures'}")


if __name__ == "__main__":
  launching.require("workdir")
  launching.run(main)
