"""The whole table on a tiny model; no time is compared with another."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest

from inference_scaling import benchmark, models
from inference_scaling.benchmark import (
  child,
  subjects,
  timing,
)
from inference_scaling.benchmark.measurements import (
  compilation,
  decoding,
  machine,
  queueing,
  roofline,
  sampling,
  search,
  utilisation,
)
from tests.benchmark import folders

WORK = benchmark.Work(problems=2, samples=2, prompt_tokens=8, new_tokens=8)


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
  folder = tmp_path_factory.mktemp("benchmark") / "model"
  return subjects.subject(str(folders.write_model(folder)))


@pytest.fixture(scope="module")
def options(subject):
  return benchmark.Options(
    subject=subject.source, work=WORK, rows=(2,), dtypes=("float32",),
    repeats=2, rivals=(), sections=("sampling",),
    probe=machine.Probe(size=16, count=1 << 16),
  )  # fmt: skip


@pytest.mark.slow
def test_table_of_sampling(options):
  said = []
  rows = benchmark.run(options, said.append)
  assert said[0] == "sampling ..."
  by_name = {row.name: row for row in rows}
  whole = by_name["end to end: inference_scaling, float32"]
  assert whole.unit == "tokens/s" and whole.value > 0 and whole.note == ""
  assert len(whole.rounds) == options.repeats
  # Other seeds, the same programs.
  assert by_name["programs compiled in the rounds"].value == 0
  assert benchmark.setting(options)["options"]["work"]["samples"] == 2


def test_rates_of_decoding_by_hand(subject):
  programs = decoding.Decoding(subject, WORK, (2,), ("float32",))
  programs._caches["float32"] = "float32"
  assert programs.lengths == (2, 8)
  times = {
    "float32, batch size 2, 2 tokens": timing.Seconds((1.0, 1.0, 2.0)),
    "float32, batch size 2, 8 tokens": timing.Seconds((4.0, 2.5, 3.5)),
  }
  rates = machine.Rates({"float32": 1e30}, {}, 1e6)
  rate, share = programs.describe(times, rates)
  # Half a second, a quarter and a quarter a token; two rows.
  assert rate.value == 8.0 and rate.rounds == (4.0, 8.0, 8.0)
  least = roofline.token_step(subject.config, 1, 2, 8, 5, "float32", "float32")
  read = (least.weight_bytes + least.cache_bytes) / 1e6
  assert share.value == pytest.approx(100 * read / 0.25)


@pytest.mark.slow
def test_a_search_of_equal_steps_draws_as_much_as_sampling(subject):
  both = search.Search(subject, WORK, "float32")
  both.rebase("equal")()
  assert both.tokens["equal"] == WORK.tokens


def test_overhead_of_a_search_and_max_over_min():
  seconds = lambda *rounds: timing.Seconds(rounds)  # noqa: E731
  over = search.overhead(
    seconds(6.6, 3.0), seconds(8.0, 4.0), seconds(4.0, 1.0), part=0.5
  )
  assert over.rounds == pytest.approx((10.0, 20.0))
  assert queueing.max_over_min(2.0, 1.0, 1.5) == 2.0


@pytest.mark.slow
def test_searches_of_real_lengths_are_measured():
  searches = utilisation.RealLengths(problems=2)
  for task in searches.tasks().values():
    assert sorted(done.problem_id for done in task()) == [0, 1]
  names = list(searches.tasks())
  drawn = [searches.stats[name].tokens for name in names]
  assert all(0 < searches.stats[name].utilisation <= 1 for name in names)
  # A tenth more time for as many tokens as each of them drew, then a fifth.
  times = {
    names[0]: timing.Seconds((drawn[0] / 1000, drawn[0] / 500)),
    names[1]: timing.Seconds((1.1 * drawn[1] / 1000, 1.2 * drawn[1] / 500)),
  }
  rows = {row.name: row for row in searches.describe(times)}
  over = rows["overhead of REBASE"]
  assert over.rounds == pytest.approx((10.0, 20.0))
  assert rows[f"{names[0]}: speed"].rounds == pytest.approx((1000.0, 500.0))


def test_the_fastest_way_of_each_engine_counts():
  tried = {("a", "x"): 4.0, ("a", "y"): 5.0, ("a", "z"): 5.3, ("b", "x"): 9.0}
  kept = sampling._contenders(tried)
  assert kept == [("a", "x"), ("a", "y"), ("b", "x")]
  times = {way: timing.Seconds((tried[way],) * 3) for way in kept}
  times["a", "y"] = timing.Seconds((1.0, 1.0, 9.0))
  assert sampling.fastest(times) == {"a": ("a", "y"), "b": ("b", "x")}


def test_rows_are_shared_out_over_problems():
  shares = [decoding.split(rows, 4) for rows in (1, 16, 64, 66, 256)]
  assert shares == [(1, 1), (1, 16), (4, 16), (1, 66), (4, 64)]


def test_programs_are_counted_as_they_are_compiled():
  double = jax.jit(lambda x: 2 * x + 1)
  x = jnp.ones(3)
  with compilation.count() as first:
    double(x)
  with compilation.count() as second:
    double(x)
  assert (first.programs, second.programs) == (1, 0)
  assert first.seconds > second.seconds == 0


@pytest.mark.slow
def test_a_separate_process_reports_its_first_result(tmp_path):
  work = benchmark.Work(problems=1, samples=1, prompt_tokens=4, new_tokens=2)
  task = child.Task(
    "sampling", "embedded/policy_small", "float32",
    dataclasses.asdict(work), str(tmp_path), measure_memory=True,
  )  # fmt: skip
  result = child.run(task)
  assert 0 < result["imports"] < result["first_result"]
  weights = models.load_model("embedded/policy_small").params
  size = sum(leaf.nbytes for leaf in jax.tree.leaves(weights))
  assert result["programs"] > 0 and result["peak"] > size
  assert any(tmp_path.iterdir())


def test_options_that_are_not_allowed(options):
  def attempt(**changes):
    benchmark.run(dataclasses.replace(options, **changes), print)

  with pytest.raises(ValueError, match=r"--only names 'memry'; expected some"):
    attempt(sections=("memry",))
  with pytest.raises(ValueError, match=r"--rivals names 'vllm'; expected some"):
    attempt(rivals=("vllm",))
  with pytest.raises(ValueError, match=r"--model is 'llama'; expected one of"):
    attempt(subject="llama")
  with pytest.raises(FileNotFoundError, match=r"some/folder"):
    attempt(subject="some/folder")
  with pytest.raises(
    ValueError, match=r"--model=llemma_7b is for accelerators"
  ):
    attempt(subject="llemma_7b")
