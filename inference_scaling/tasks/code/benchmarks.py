"""The published benchmarks of programs, from a file or from the hub."""

import functools
from collections.abc import Mapping

from inference_scaling.tasks import problem as tasks_problem
from inference_scaling.tasks.code import (
  humaneval,
  humaneval_plus,
  mbpp,
  mbpp_plus,
)
from inference_scaling.tasks.files import benchmarks, rows

CODE_BENCHMARKS: Mapping[str, benchmarks.Benchmark] = {
  "mbpp": benchmarks.Benchmark(
    mbpp.load_mbpp,
    "google-research-datasets/mbpp",
    "full/test-00000-of-00001.parquet",
    500,
  ),
  "mbpp_sanitized": benchmarks.Benchmark(
    mbpp.load_mbpp,
    "google-research-datasets/mbpp",
    "sanitized/test-00000-of-00001.parquet",
    257,
  ),
  "mbpp_plus": benchmarks.Benchmark(
    mbpp_plus.load_mbpp_plus,
    "evalplus/mbppplus",
    "data/test-00000-of-00001-d5781c9c51e02795.parquet",
    378,
  ),
  "humaneval": benchmarks.Benchmark(
    humaneval.load_humaneval,
    "openai/openai_humaneval",
    "openai_humaneval/test-00000-of-00001.parquet",
    164,
  ),
  "humaneval_plus": benchmarks.Benchmark(
    humaneval_plus.load_humaneval_plus,
    "evalplus/humanevalplus",
    "data/test-00000-of-00001-5973903632b82d40.parquet",
    164,
  ),
}


def load_code_benchmark(
  name: str, where: rows.Path, form: str
) -> list[tasks_problem.Problem]:
  """Loads a benchmark of programs.

  Args:
    name: one of `CODE_BENCHMARKS`.
    where: a JSON-lines or parquet file of it, or "hub", as `load_benchmark`.
    form: how problems are put, one of `names.CODE_FORMS`.

  Returns:
    The problems, with the numbers that they have there.

  Raises:
    FileNotFoundError, ValueError: as `load_benchmark`.
  """
  benchmark = CODE_BENCHMARKS[name]
  load = functools.partial(benchmark.load, form=form)
  return benchmarks.load_from(name, benchmark, where, load)
