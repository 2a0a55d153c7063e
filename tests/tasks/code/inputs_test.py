"""Inputs are made up of those of the tests."""

import hypothesis
from hypothesis import strategies as st

from inference_scaling.tasks.code import inputs
from inference_scaling.tasks.programs.inside import values

NOTHING = {"dict": []}


def _calls(*arguments, name="f"):
  def keep(value):
    raise TypeError(value)

  return [(name, values.encode(list(row), keep), NOTHING) for row in arguments]


def _decoded(calls):
  return [values.decode(call[1], lambda number: None) for call in calls]


def test_those_of_the_tests_come_first_and_once():
  calls = _calls([1], [2], [1])
  made = inputs.more_calls(calls, "seed")
  assert made[:2] == calls[:2]
  assert len(made) == len({str(call) for call in made})
  assert 2 < len(made) <= 2 + inputs.CHANGED


def test_draws_come_from_the_seed():
  calls = _calls([[1, 2, 3]], ["text"])
  first, again, other = (
    inputs.more_calls(calls, seed) for seed in ("a", "a", "b")
  )
  assert first == again != other


_PLAIN = st.recursive(
  st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
  lambda items: st.lists(items) | st.tuples(items, items),
  max_leaves=8,
)


@hypothesis.settings(max_examples=40, deadline=None)
@hypothesis.given(st.lists(_PLAIN, min_size=1, max_size=3))
def test_types_stay(arguments):
  for changed in _decoded(inputs.more_calls(_calls(arguments), "s")):
    assert len(changed) == len(arguments)
    for old, new in zip(arguments, changed, strict=True):
      assert type(old) is type(new)
      if isinstance(old, tuple):
        assert [type(x) for x in old] == [type(x) for x in new]


@hypothesis.settings(max_examples=40, deadline=None)
@hypothesis.given(st.lists(st.integers(), min_size=1, max_size=4))
def test_signs_stay(numbers):
  for changed in _decoded(inputs.more_calls(_calls(numbers), "s")):
    for old, new in zip(numbers, changed, strict=True):
      assert new * old > 0 or (old == 0 and 0 <= new <= 2)


def test_a_length_stays_one():
  calls = _calls([[4, 5, 6], 3], [[7], 1], [[], 0])
  made = _decoded(inputs.more_calls(calls, "s"))
  assert len(made) > 3
  assert all(len(items) == size for items, size in made)
  # Where it once was another number, it is a number like others.
  free = _decoded(inputs.more_calls([*calls, *_calls([[1], 2])], "s"))
  assert any(len(items) != size for items, size in free[4:])


def test_letters_are_those_of_the_text():
  for (text,) in _decoded(inputs.more_calls(_calls(["abba"]), "s")):
    assert set(text) <= set("ab") and text


def test_what_cannot_change_makes_no_call():
  assert inputs.more_calls([], "s") == []
  for calls in (_calls([]), _calls([None]), [("f", [{"opaque": 0}], NOTHING)]):
    assert inputs.more_calls(calls, "s") == calls
