import jax.numpy as jnp
import pytest

from inference_scaling.benchmark import timing


def test_tasks_take_turns():
  calls = []
  tasks = {name: lambda name=name: calls.append(name) for name in "abc"}
  times = timing.interleave(tasks, 2)
  assert "".join(calls) == "abc" * 3
  assert all(len(times[name].rounds) == 2 for name in "abc")
  assert all(value > 0 for name in "abc" for value in times[name].rounds)


def test_median_and_best():
  seconds = timing.Seconds((5.0, 1.0, 2.0, 9.0, 3.0))
  assert (seconds.median, seconds.best) == (3.0, 1.0)


def test_a_ratio_is_of_each_round():
  # The machine is twice as slow in the second round, four times in the third.
  own = timing.Seconds((1.0, 2.0, 4.0))
  other = timing.Seconds((3.0, 6.0, 12.0))
  ratio = timing.combine(lambda a, b: b / a, own, other)
  assert ratio.rounds == (3.0, 3.0, 3.0)


def test_the_slope_drops_what_both_lengths_have_in_common():
  overhead, token = (7.0, 70.0), 0.25
  short, long = (
    timing.Seconds(tuple(fixed + token * tokens for fixed in overhead))
    for tokens in (8, 24)
  )
  assert timing.slope(short, long, 16).rounds == pytest.approx((token, token))


def test_rounds_that_do_not_match_are_refused():
  with pytest.raises(ValueError):
    timing.combine(max, timing.Seconds((1.0,)), timing.Seconds((1.0, 2.0)))


def test_what_a_task_returns_is_waited_for():
  assert timing.once(lambda: {"a": jnp.ones(3)}) > 0
