"""The published benchmarks, from a file or from the Hugging Face hub."""

import dataclasses
from collections.abc import Callable, Mapping

import huggingface_hub

from inference_scaling import names
from inference_scaling.tasks.files import (
  competitions,
  gsm8k,
  hendrycks_math,
  minerva,
  olympiadbench,
  rows,
)
from inference_scaling.tasks.files.letters import gpqa, mmlu_pro
from inference_scaling.tasks.problem import Problem

HUB = names.HUB


@dataclasses.dataclass(frozen=True)
class Benchmark:
  """Where a benchmark is published and how its rows are read.

  Attributes:
    load: reads a file of it; where `letters`, with the seed of options.
    repo: data set on the hub.
    file: in this data set.
    count: number of problems in it.
    letters: whether answers are letters of options.
  """

  load: Callable[..., list[Problem]]
  repo: str
  file: str
  count: int
  letters: bool = False

  def read(self, path: rows.Path, option_seed: int | None) -> list[Problem]:
    """Reads a file of it, with the options in the order of a seed."""
    return self.load(path, option_seed) if self.letters else self.load(path)


BENCHMARKS: Mapping[str, Benchmark] = {
  "gsm8k": Benchmark(
    gsm8k.load_gsm8k,
    "openai/gsm8k",
    "main/test-00000-of-00001.parquet",
    1319,
  ),
  "gsm8k_train": Benchmark(
    gsm8k.load_gsm8k,
    "openai/gsm8k",
    "main/train-00000-of-00001.parquet",
    7473,
  ),
  "math500": Benchmark(
    competitions.load_math500, "HuggingFaceH4/MATH-500", "test.jsonl", 500
  ),
  "aime24": Benchmark(
    competitions.load_aime,
    "HuggingFaceH4/aime_2024",
    "data/train-00000-of-00001.parquet",
    30,
  ),
  "amc23": Benchmark(
    competitions.load_amc,
    "math-ai/amc23",
    "test-00000-of-00001.parquet",
    40,
  ),
  "aime25": Benchmark(
    competitions.load_aime, "math-ai/aime25", "test.jsonl", 30
  ),
  "math": Benchmark(
    hendrycks_math.load_math,
    "DigitalLearningGmbH/MATH-lighteval",
    "data/test-00000-of-00001.parquet",
    5000,
  ),
  "math_train": Benchmark(
    hendrycks_math.load_math,
    "DigitalLearningGmbH/MATH-lighteval",
    "data/train-00000-of-00001.parquet",
    7500,
  ),
  "minerva": Benchmark(
    minerva.load_minerva, "math-ai/minervamath", "test.jsonl", 272
  ),
  "olympiadbench": Benchmark(
    olympiadbench.load_olympiadbench,
    "Hothan/OlympiadBench",
    "OlympiadBench/OE_TO_maths_en_COMP/OE_TO_maths_en_COMP.parquet",
    674,
  ),
  "gpqa_diamond": Benchmark(
    gpqa.load_gpqa,
    "Idavidrein/gpqa",
    "gpqa_diamond.csv",
    198,
    letters=True,
  ),
  "mmlu_pro": Benchmark(
    mmlu_pro.load_mmlu_pro,
    "TIGER-Lab/MMLU-Pro",
    "data/test-00000-of-00001.parquet",
    12032,
    letters=True,
  ),
}


def load_benchmark(
  name: str, where: rows.Path, option_seed: int | None = 0
) -> list[Problem]:
  """Loads a benchmark.

  Args:
    name: one of `BENCHMARKS`.
    where: a JSON-lines, parquet or CSV file of it, or "hub" to download the
      test set, once: later calls find it in the cache of huggingface_hub.
    option_seed: of the order of options, where there are some; None for the
      published order, which only MMLU-Pro has.

  Returns:
    The problems, numbered from 0. The source is the name of the file without
    ending; from the hub it is the name of the benchmark.

  Raises:
    FileNotFoundError: if there is no such file, or the hub cannot be reached
      and the file is not in the cache.
    ValueError: on an unknown name, a row that is not as its loader describes,
      or another number of problems on the hub than there should be.
  """
  if name not in BENCHMARKS:
    raise ValueError(
      f"the benchmark is {name!r}; expected one of "
      f"{', '.join(sorted(BENCHMARKS))}."
    )
  benchmark = BENCHMARKS[name]
  return load_from(
    name, benchmark, where, lambda path: benchmark.read(path, option_seed)
  )


def load_from(
  name: str,
  benchmark: Benchmark,
  where: rows.Path,
  load: Callable[[rows.Path], list[Problem]],
) -> list[Problem]:
  """Loads a benchmark from a file of the user's or of the hub.

  Args:
    name: of the benchmark.
    benchmark: where it is published.
    where: its file, or "hub".
    load: reads a file of it.

  Returns:
    The problems.

  Raises:
    FileNotFoundError, ValueError: as `load_benchmark`.
  """
  if where != HUB:
    return load(where)
  problems = load(_download(benchmark))
  if len(problems) != benchmark.count:
    raise ValueError(
      f"{benchmark.file} of the data set {benchmark.repo} has {len(problems)} "
      f"problems; expected the {benchmark.count} of {name}. The data set has "
      "changed: give the path of a file that has them in place of "
      f"{HUB!r}."
    )
  return [dataclasses.replace(problem, source=name) for problem in problems]


def _download(benchmark: Benchmark) -> str:
  """Path of a benchmark's file in the cache of the hub."""
  try:
    return huggingface_hub.hf_hub_download(
      benchmark.repo, benchmark.file, repo_type="dataset"
    )
  except huggingface_hub.errors.GatedRepoError as error:
    raise FileNotFoundError(
      f"the data set {benchmark.repo} is behind terms of use: accept them at "
      f"https://huggingface.co/datasets/{benchmark.repo} and log in by "
      f"`hf auth login`, or give the path of {benchmark.file} in place of "
      f"{HUB!r}."
    ) from error
  # What is raised offline depends on the client below and its version; all of
  # it means that the file cannot be had.
  except Exception as error:
    raise FileNotFoundError(
      f"cannot download {benchmark.file} of the data set {benchmark.repo} from "
      f"the Hugging Face hub ({type(error).__name__}). Go online and run the "
      "same again, or download https://huggingface.co/datasets/"
      f"{benchmark.repo}/resolve/main/{benchmark.file} elsewhere and give its "
      f"path in place of {HUB!r}."
    ) from error
