"""A softmax over cached entries by NumPy, and checks of machine code by it."""

import numpy as np
from llvmlite import binding


def sums(queries, keys, values, seen):
  """exp(score) of what each query sees, in float64, and of values times it.

  Args:
    queries: [.., T, G, H].
    keys: a function of the index of a query; [H, S] of its kv head.
    values: likewise, [S, H].
    seen: likewise, how many of them it sees.
  """
  mixed = np.zeros(queries.shape)
  totals = np.zeros(queries.shape[:-1])
  for index in np.ndindex(*totals.shape):
    stop = seen(index)
    weights = np.exp(queries[index].astype(float) @ keys(index)[:, :stop])
    mixed[index] = weights @ values(index)[:stop]
    totals[index] = weights.sum()
  return mixed, totals


def check(found, mixed, expected):
  """Checks a softmax to go on with, of which some queries may see nothing."""
  sums, peaks, totals = map(np.asarray, found)
  none = expected == 0
  assert (totals[none] == 0).all() and (sums[none] == 0).all()
  assert (peaks[none] < -1e29).all()
  scale = np.exp(peaks[~none].astype(float))
  np.testing.assert_allclose(totals[~none] * scale, expected[~none], rtol=2e-5)
  found = sums[~none] / totals[~none][:, None]
  wanted = mixed[~none] / expected[~none][:, None]
  np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
  return none


class _Features(dict):
  """As llvmlite's, of another processor."""

  def flatten(self):
    return ",".join(("-", "+")[has] + name for name, has in self.items())


def as_haswell(monkeypatch):
  """Makes code as for a processor of half the registers.

  Returns:
    Whether this one can run it.
  """
  ours = binding.get_host_cpu_features()
  without = _Features(
    {name: has and "512" not in name for name, has in ours.items()}
  )
  monkeypatch.setattr(binding, "get_host_cpu_features", lambda: without)
  monkeypatch.setattr(binding, "get_host_cpu_name", lambda: "haswell")
  return bool(ours.get("avx2"))
