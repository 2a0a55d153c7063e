r"""Writes the search tree of one solved problem as a page and as a picture.

  python launch/tree.py --workdir=runs/demo --problem=7 --strategy=rebase --n=16

A problem is given by its number, or by its text where its file has texts for
ids. The page is one file that any browser opens, without a network: the steps
with their rewards, the candidates, all votes and the cost. Where several
records fit, the first is taken and the others are named.
"""

import pathlib

from absl import app, flags

from inference_scaling import analysis, launching

_WORKDIR = flags.DEFINE_string(
  "workdir", None, "The folder of the sweep, such as runs/demo."
)
_PROBLEM = flags.DEFINE_string("problem", None, "Id or name of the problem.")
_WANTED = {
  "policy": flags.DEFINE_string(
    "policy", None, "Name of the policy in the config; by default any."
  ),
  "strategy": flags.DEFINE_string(
    "strategy", None, "The strategy, such as rebase/round; by default any."
  ),
  "n": flags.DEFINE_integer(
    "n",
    None,
    "Beams of the run, expansions of MCTS or nodes of AB-MCTS; by default any.",
  ),
  "seed": flags.DEFINE_integer(
    "seed", None, "Seed of the run; by default any."
  ),
}
_OUTPUT = flags.DEFINE_string(
  "output", None,
  "The page, a file that ends in .html, with the picture beside it; by default "
  "in trees/ of the folder.",
)  # fmt: skip


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f"unknown arguments: {argv[1:]}.")
  assert _WORKDIR.value and _PROBLEM.value  # they are required
  workdir = pathlib.Path(_WORKDIR.value)
  match = analysis.find_record(
    workdir / "records.jsonl",
    _PROBLEM.value,
    **{name: flag.value for name, flag in _WANTED.items()},
  )
  run, number = match.record["run"], match.record["problem"]["id"]
  name = "_".join(str(value).replace("/", "-") for value in run.values())
  page, picture = analysis.write_tree(
    match.record,
    _OUTPUT.value or workdir / "trees" / f"{number}_{name}.html",
  )
  print(f"Run:     {', '.join(f'{key} {run[key]}' for key in run)}")
  print(f"Page:    {page}")
  print(f"Picture: {picture}")
  if match.others:
    print(f"There are also: {', '.join(match.others)}")


if __name__ == "__main__":
  launching.require("workdir", "problem")
  launching.run(main)
