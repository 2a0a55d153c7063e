import pathlib
import re

import jax
import jax.numpy as jnp
import pytest

import inference_scaling
from inference_scaling.profiling import hlo_names, phases


def test_phase_is_named_by_its_scopes():
  path = "jit(step)/extend/policy_extend/while/body/sample/reduce_max"
  assert phases.phase_of(path) == "policy_extend/sample"
  assert phases.phase_of("jit(step)/fork/gather") == "fork"
  assert phases.phase_of("jit(step)/forked/gather") == "other"
  assert phases.phase_of("") == "other"


def test_phases_are_the_scopes_of_the_package():
  package = pathlib.Path(inference_scaling.__file__).parent
  found = {
    name
    for path in package.rglob("*.py")
    for name in re.findall(r'named_scope\("(\w+)"\)', path.read_text())
  }
  # Around these two are those of any policy and any reward.
  assert sorted(found - {"extend", "score"}) == sorted(phases.SCOPES)


def test_operations_of_a_trace_are_found_in_their_scopes(tmp_path):
  @jax.jit
  def work(x):
    def body(carry):
      index, x = carry
      with jax.named_scope("policy_extend"):
        x = jnp.tanh(x @ x)
        with jax.named_scope("sample"):
          x = jnp.sort(x, axis=1)
      return index + 1, x

    with jax.named_scope("fork"):
      x = jnp.sort(x, axis=0)
    return jax.lax.while_loop(lambda carry: carry[0] < 3, body, (0, x))

  x = jnp.ones((64, 64))
  jax.block_until_ready(work(x))
  said = []
  with phases.report(tmp_path, said.append):
    jax.block_until_ready(work(x))
  path = phases.newest(tmp_path)
  found = {phase.name: phase for phase in phases.phases(path)}
  assert {"fork", "policy_extend", "policy_extend/sample"} <= found.keys()
  sorting = found["policy_extend/sample"]
  assert sorting.operations == 3  # the loop itself is not counted again
  assert sorting.slowest[0][0] == "sort"
  assert sorting.slowest[0][1] == pytest.approx(sorting.seconds)
  (text,) = said
  assert str(path) in text and "| policy_extend/sample |" in text


def test_a_folder_without_a_trace_is_named(tmp_path):
  with pytest.raises(FileNotFoundError, match=r"no trace in.*--profile"):
    phases.newest(tmp_path)


def test_a_file_is_no_place_for_a_trace(tmp_path):
  path = tmp_path / "trace"
  path.touch()
  with pytest.raises(NotADirectoryError, match=r"trace is a file; .*--profile"):
    with phases.report(path):
      pytest.fail("what is traced was run")


def test_bytes_that_are_no_trace_are_refused():
  with pytest.raises(ValueError, match=r"kind 7 at byte 1.*no .xplane.pb"):
    hlo_names.scopes(b"\x0f\x00")
