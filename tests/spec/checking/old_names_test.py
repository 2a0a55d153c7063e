"""Keys that had another name: stored configs are read, users are told."""

import pytest

from inference_scaling import spec

OLD = {
  "task": {"kind": "synthetic", "count": 2},
  "policies": {"small": "embedded/policy_small"},
  "reward": {"form": "own", "source": "embedded/reward"},
  "runs": {"greedy": {"strategy": "greedy"}},
  "rows_in_flight": 3,
}


def test_a_stored_config_is_read_in_the_words_of_today():
  kept = dict(OLD)
  sweep = spec.read_sweep(spec.renew(OLD))
  assert sweep.batch_size == 3
  assert (sweep.reward.format, sweep.reward.source) == (
    "native", "embedded/reward"
  )  # fmt: skip
  assert kept == OLD


def test_a_config_of_today_stays_as_it_is():
  new = spec.renew(OLD)
  assert spec.renew(new) == new
  none = {**new, "reward": {"format": "none"}}
  assert spec.renew(none) == none


def test_a_user_is_told_the_new_names():
  with pytest.raises(ValueError) as error:
    spec.read_sweep(OLD)
  lines = str(error.value).splitlines()
  assert lines[0] == "config has 2 faults:"
  assert lines[1].endswith("'rows_in_flight' is called 'batch_size' now.")
  assert lines[2].endswith("'form' is called 'format' now.")
  reward = {"format": "own", "source": "embedded/reward"}
  with pytest.raises(ValueError, match=r"'own'.*is called 'native' now\.$"):
    spec.read_sweep({**spec.renew(OLD), "reward": reward})
