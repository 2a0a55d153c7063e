"""The examples in docstrings run, and the public names are a sorted list."""

import doctest

from inference_scaling import search


def test_the_port_of_a_users_function_runs_and_is_short():
  examples = doctest.DocTestFinder().find(search, "search", globs={})
  result = doctest.testmod(search)
  assert result.attempted > 5 and result.failed == 0
  lines = [line for e in examples[0].examples for line in e.source.split("\n")]
  assert sum(bool(line.strip()) for line in lines) < 40


def test_public_names_are_sorted_and_exist():
  # Constants, then classes, then functions, as the linter sorts them.
  kind = lambda name: (not name.isupper(), name[0].islower(), name)  # noqa: E731
  assert search.__all__ == sorted(search.__all__, key=kind)
  assert all(hasattr(search, name) for name in search.__all__)
