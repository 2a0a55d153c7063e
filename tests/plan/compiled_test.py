"""Compiled programs: memory, and JAX's cache of programs."""

import jax
import jax.numpy as jnp
import pytest

from inference_scaling.plan import chips, compiled
from tests.plan import small


def _lowered(target, shape=(256, 128)):
  device = jax.sharding.SingleDeviceSharding(
    small.mesh_of(target).devices.flat[0]
  )
  array = jax.ShapeDtypeStruct(shape, jnp.float32, sharding=device)
  return jax.jit(lambda x: jnp.sin(x) + 1, donate_argnums=0).lower(array)


@small.needs(chips.GPU)
def test_memory_is_that_of_the_arrays():
  memory = compiled.compile_program("f", _lowered("h200")).memory
  size = 4 * 256 * 128
  assert memory == compiled.Memory(size, size, 0, size)
  assert (memory.beside, memory.total) == (0, size)


def _program(name, *memory):
  return compiled.Compiled(
    name, "", 0.0, compiled.Memory(*memory), "", None, None
  )


def test_what_a_device_holds_is_what_is_given_and_what_stays():
  done = [
    _program("start", 110, 5, 7, 0),  # 100 of weights, a prompt
    _program("empty_slots", 5, 60, 1, 0),
    _program("replace_slot", 65, 60, 2, 60),
    _program("take_slot", 20, 3, 0, 0),
    _program("advance", 160, 60, 9, 60),
  ]
  # Starting a problem beside the slots: 110 + 5 + 7 + 60.
  assert compiled.held(done) == (100, 60, 188)
  assert compiled.held([*done[:3], done[4]]) == (100, 60, 182)


@small.needs(chips.GPU)
def test_programs_are_compiled_anew_where_there_is_a_cache(tmp_path):
  """JAX cannot read a program for a device that is not there."""
  names = ("jax_compilation_cache_dir", "jax_enable_compilation_cache")
  before = {name: getattr(jax.config, name) for name in names}
  least = "jax_persistent_cache_min_compile_time_secs"
  before[least] = getattr(jax.config, least)
  try:
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    jax.config.update("jax_enable_compilation_cache", True)
    jax.config.update(least, 0.0)
    for _ in range(2):  # a warning is an error
      compiled.compile_program("f", _lowered("h200"))
      jax.clear_caches()
    assert not list(tmp_path.glob("jit__lambda*"))
    assert jax.config.jax_enable_compilation_cache
  finally:
    for name, value in before.items():
      jax.config.update(name, value)


@small.needs(chips.TPU)
@pytest.mark.parametrize("name", ["v5e:1x1", "v6e:1x1", "v5p:2x2x1"])
def test_the_memory_of_a_chip_is_what_its_compiler_gives(name):
  with pytest.raises(compiled.OutOfMemoryError) as error:
    compiled.compile_program("f", _lowered(name, (100 * 2**20, 256)))
  assert error.value.program == "f"
  chip = chips.CHIPS[name.partition(":")[0]]
  assert f"{chip.memory / 2**30:.2f}G" in str(error.value)
