"""Stored models of transformers with their logits: parity without torch."""

import pathlib

import numpy as np

from inference_scaling import models
from tests.models import tiny

FOLDER = pathlib.Path(__file__).parent / "goldens"


def test_policy_golden():
  model = models.load_model(FOLDER / "policy")
  expected = np.load(FOLDER / "policy" / "expected.npz")
  logits = tiny.logits(model, expected["tokens"])
  assert expected["logits"].std() > 0.5
  np.testing.assert_allclose(logits, expected["logits"], rtol=0, atol=1e-4)


def test_reward_golden():
  model = models.load_reward_model(FOLDER / "reward")
  expected = np.load(FOLDER / "reward" / "expected.npz")
  rewards = tiny.rewards(model, expected["tokens"])
  assert expected["rewards"].std() > 0.1
  np.testing.assert_allclose(rewards, expected["rewards"], rtol=0, atol=1e-4)


def test_goldens_are_small():
  size = sum(p.stat().st_size for p in FOLDER.rglob("*") if p.is_file())
  assert 0 < size < 60_000
