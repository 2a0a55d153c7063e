"""launch/plan.py: its table, and what it says of searches that cannot be."""

import pytest

from inference_scaling import launching
from inference_scaling.decoding.memory import table
from tests.launch.programs_test import launcher


@pytest.fixture
def plan(monkeypatch, capsys):
  with launcher("plan", monkeypatch) as (module, values):

    def run(*arguments):
      module.main(values(["launch/plan.py", *arguments]))
      lines = capsys.readouterr().out.splitlines()
      rows = (line.rsplit("  ", 1) for line in lines[1:])
      return lines[0], {name.strip(): last.strip() for name, last in rows}

    yield run


SMALL = (
  "--policy=embedded/policy_small", "--reward=random/llama3_8b",
  "--prompt_tokens=64", "--total_tokens=128", "--step_tokens=32",
  "--reward_step_tokens=64", "--reward_total_tokens=128",
  "--dtype=float32",
)  # fmt: skip


def test_plan_prints_what_fits(plan):
  head, rows = plan(*SMALL, "--problems=2", "--n=4", "--device_gib=0.05")
  assert "embedded/policy_small" in head and "N = 4" in head
  assert rows["mesh data,model"] == "1,1" and rows["fits"] == "yes"
  largest = int(rows["largest N at P = 2"])
  _, at_most = plan(
    *SMALL, "--problems=2", f"--n={largest}", "--device_gib=0.05"
  )
  _, beyond = plan(
    *SMALL, "--problems=2", f"--n={largest + 1}", "--device_gib=0.05"
  )
  assert (at_most["fits"], beyond["fits"]) == ("yes", "NO")
  assert int(at_most[f"largest P at N = {largest}"]) >= 2


def test_plan_says_which_mesh_cannot_be(plan):
  _, rows = plan(*SMALL, "--mesh=1,64")
  assert rows["fits"] == "cannot be"
  assert any("does not divide" in text for text in rows.values())


def test_an_unknown_name_is_answered_by_the_known_ones(plan):
  with pytest.raises(ValueError, match=r"'llemma_8b' is neither.*llemma_7b"):
    plan(*SMALL, "--policy=llemma_8b")


@pytest.mark.parametrize("text", ["8", "0,1", "a,b", "1,2,3"])
def test_a_mesh_is_two_numbers(text):
  with pytest.raises(ValueError, match="expected two numbers"):
    launching.parse_mesh(text)


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 17, 64])
def test_largest_that_fits(limit):
  assert table.largest(lambda number: number <= limit) == limit
