"""A config for launchers on four devices: the argument is as `tiny_sweep`'s."""

from tests.launch import tiny_sweep


def get_config(arg):
  """One run of the sweep, on a mesh."""
  config = tiny_sweep.get_config(arg)
  config.runs = {"rebase": config.runs.rebase}
  config.runs.rebase.seeds = (0,)
  config.policies = {"small": config.policies.small}
  config.mesh = {"data": 2, "model": 2}
  return config
