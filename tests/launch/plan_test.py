"""launch/plan.py: its table, and what it says of searches that cannot be."""

import dataclasses
import importlib.metadata
import re

import pytest

from inference_scaling import launching
from inference_scaling.decoding.memory import table
from inference_scaling.plan import chips, targets
from tests.launch.programs_test import launcher
from tests.plan import small


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


COMPILED = (
  "--policy=embedded/policy_small", "--reward=", "--prompt_tokens=32",
  "--total_tokens=64", "--step_tokens=16", "--n=4", "--num_problems=100",
)  # fmt: skip


@pytest.fixture
def compile_for(monkeypatch, capsys):
  with launcher("plan", monkeypatch) as (module, values):

    def run(*arguments):
      module.main(values(["launch/plan.py", *COMPILED, *arguments]))
      return capsys.readouterr().out

    yield run


@small.needs(chips.GPU)
def test_programs_are_compiled_for_a_target(compile_for):
  said = compile_for("--target=h200", "--mesh=1,1")
  assert "on h200:1, mesh data,model = 1,1" in said
  for program in ("start", "empty_slots", "replace_slot", "advance"):
    assert program in said
  assert " fits; " in said and "at least 0.00 hours for 1 run over 100" in said
  # Nothing runs at more than the floor.
  (line,) = [line for line in said.splitlines() if "over the floor" in line]
  assert float(line.split()[-1]) >= 1


@pytest.mark.slow
@small.needs(chips.GPU)
def test_all_buckets_are_counted(compile_for):
  said = compile_for("--target=h200", "--all_buckets", "--total_tokens=300")
  # Texts of 128, 256 and 320 tokens.
  assert said.count("    advance text") == 3
  assert "7 programs, compiled in" in said


@pytest.mark.slow
@small.needs(chips.GPU)
def test_a_sweep_that_does_not_fit_is_told_what_would(compile_for, monkeypatch):
  chip = dataclasses.replace(chips.CHIPS["h200"], memory=600_000)
  monkeypatch.setitem(chips.CHIPS, "h200", chip)
  said = compile_for("--target=h200", "--n=64")
  assert "does NOT fit" in said and "hours" not in said
  match = re.search(
    r"from shapes: mesh 1,1: N = (\d+) at P = 1, P = none", said
  )
  assert match and 1 <= int(match[1]) < 64


@pytest.mark.parametrize(
  ("argument", "message"),
  [
    ("--target=v9:2x2", "unknown chip; expected one of v5e"),
    ("--target=v6e:2y4", "a slice that there is not; expected v6e:1x1"),
    ("--target=h200:0", "a slice that there is not; expected h200:1"),
  ],
)
def test_a_wrong_target_is_one_message(compile_for, argument, message):
  with pytest.raises(ValueError, match=message):
    compile_for(argument)


@small.needs(chips.GPU)
def test_a_mesh_that_the_target_has_not_is_refused(compile_for):
  with pytest.raises(ValueError, match="4,4 is of 16 devices, but h200:8"):
    compile_for("--target=h200:8", "--mesh=4,4")


@small.needs(chips.TPU)
def test_fp8_is_refused_where_no_unit_takes_it(compile_for):
  with pytest.raises(ValueError, match="'fp8', but v6e has no units for it"):
    compile_for("--target=v6e:1x1", "--dtype=fp8")


def test_a_compiler_that_is_not_installed_is_named(compile_for, monkeypatch):
  version = importlib.metadata.version

  def missing(name):
    if name == "libtpu":
      raise importlib.metadata.PackageNotFoundError(name)
    return version(name)

  monkeypatch.setattr(importlib.metadata, "version", missing)
  with pytest.raises(ValueError, match=r"not installed: libtpu\. Run: pip"):
    compile_for("--target=v6e:2x4")


# How ml_collections loads config files.
@pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")
def test_a_config_needs_a_target(compile_for):
  with pytest.raises(ValueError, match="add --target"):
    compile_for("--config=configs/demo.py")


@pytest.mark.filterwarnings("ignore:the load_module")
@pytest.mark.parametrize(
  "arguments,message",
  [
    (["--num_problems=5"], "--num_problems is for devices to compile for"),
    (["--all_buckets"], "--all_buckets is for devices to compile for"),
    (
      ["--config=configs/demo.py", "--target=h200", "--dtype=int8"],
      "--dtype is of a search without --config",
    ),
    (
      ["--target=h200", "--mean_tokens=129"],
      "--mean_tokens is 129; expected at most 128",
    ),
    (
      ["--target=h200", "--mean_tokens=20", "--mean_step_tokens=30"],
      "--mean_step_tokens is 30; expected at most 20",
    ),
    (
      ["--target=h200", "--target=v5e:1x1", "--dtype=fp8"],
      "dtype is 'fp8', but v5e has no units",
    ),
  ],
)
def test_flags_that_change_nothing_or_cannot_be_are_refused(
  plan, monkeypatch, arguments, message
):
  monkeypatch.setattr(targets, "devices", lambda target: [])
  given = () if "--config=configs/demo.py" in arguments else SMALL[:-1]
  with pytest.raises(ValueError, match=message):
    plan(*given, *arguments)
