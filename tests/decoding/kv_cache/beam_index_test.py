"""Moving some beams out of a state and back, against numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling.decoding.kv_cache import beam_index as beam_index_lib

P, N = 4, 3
# None, or which problems, and which beams of each.
SOME = {
  "all": (None, None),
  "some beams": (None, [[2, 0], [0, 1], [1, 2], [2, 1]]),
  "some problems": ([3, 1], [[1, 2], [0, 2]]),
}


def _beam_index(slots, chosen_beams):
  make = lambda x: None if x is None else jnp.array(x, jnp.int32)  # noqa: E731
  return beam_index_lib.BeamIndex(make(slots), make(chosen_beams))


def _pairs(slots, chosen_beams):
  """Yields (q, r), where a row is, and (p, n), where its beam is."""
  slots = range(P) if slots is None else slots
  for q, p in enumerate(slots):
    for r, n in enumerate(
      range(N) if chosen_beams is None else chosen_beams[q]
    ):
      yield (q, r), (p, n)


def _beams(*shape):
  size = P * N * int(np.prod(shape))
  return np.arange(1, size + 1).reshape(P, N, *shape)


@pytest.mark.parametrize("name", SOME)
def test_beams_are_taken_out_and_put_back(name):
  slots, chosen_beams = SOME[name]
  beam_index, beams = _beam_index(slots, chosen_beams), _beams(2)
  rows = jax.jit(lambda beams: beam_index.take(beams))(beams)
  back = jax.jit(beam_index.put)(beams, -rows)
  wanted = beams.copy()
  for row, beam in _pairs(slots, chosen_beams):
    np.testing.assert_array_equal(rows[row], beams[beam])
    wanted[beam] *= -1
  np.testing.assert_array_equal(back, wanted)
  problems = beams[:, 0]
  taken = beam_index.problems(problems)
  chosen = list(range(P)) if slots is None else slots
  np.testing.assert_array_equal(taken, problems[chosen])
  wanted = problems.copy()
  wanted[chosen] *= -1
  back = jax.jit(beam_index.put_problems)(problems, -taken)
  np.testing.assert_array_equal(back, wanted)


@pytest.mark.parametrize("axis", [2, 3])
@pytest.mark.parametrize("size", [2, 5, 7])
@pytest.mark.parametrize("name", SOME)
def test_windows_are_taken_from_the_start_and_put_anywhere(name, size, axis):
  slots, chosen_beams = SOME[name]
  beam_index, beams = _beam_index(slots, chosen_beams), _beams(5, 5)
  rows = beam_index.take_window(beams, size, axis)
  first = np.moveaxis(beams, axis, 2)[:, :, :size]
  filled = np.zeros((P, N, size, 5), int)  # zeros beyond the end
  filled[:, :, : first.shape[2]] = first
  starts = np.zeros(rows.shape[:2], np.int32)
  new = np.moveaxis(beams, axis, 2).copy()
  width = min(size, 3)
  for number, (row, beam) in enumerate(_pairs(slots, chosen_beams)):
    np.testing.assert_array_equal(np.moveaxis(rows, axis, 2)[row], filled[beam])
    begin = starts[row] = number % (5 - width + 1)  # up to the very end
    new[beam][begin : begin + width] = -filled[beam][:width]
  window = jax.lax.slice_in_dim(-rows, 0, width, axis=axis)
  back = jax.jit(beam_index.put_window, static_argnums=3)(
    beams, window, starts, axis
  )
  np.testing.assert_array_equal(np.moveaxis(back, axis, 2), new)


def test_first_beams_and_then_others():
  mask = [[0, 1, 1], [0, 0, 1], [0, 0, 0], [1, 1, 1]]
  found = beam_index_lib.first_beams(jnp.array(mask, bool), 2)
  assert found.tolist() == [[1, 2], [2, 0], [0, 1], [0, 1]]


@pytest.mark.parametrize("num_rows", [0, N + 1])
def test_rows_that_cannot_be_are_refused(num_rows):
  with pytest.raises(ValueError, match=f"num_rows is {num_rows}; .*1 to {N}"):
    beam_index_lib.check_rows(num_rows, N)
  assert beam_index_lib.check_rows(None, N) == N


@pytest.mark.parametrize("num_slots", [1, 2, 4])
@pytest.mark.parametrize("wanted", ["0000", "0100", "1011", "1111"])
def test_problems_that_need_it_have_their_turn_once(num_slots, wanted):
  wanted = np.array([letter == "1" for letter in wanted])

  def run(beam_index, carry):
    turns, calls = carry
    beams = jnp.zeros((P, N), jnp.int32)
    beams = beam_index.put(beams, beam_index.take(beams) + 1)
    return turns + beams, calls + 1

  turns, calls = jax.jit(
    lambda: beam_index_lib.for_problems(
      run, (jnp.zeros((P, N), jnp.int32), 0), jnp.array(wanted), num_slots, N
    )
  )()
  assert (turns[wanted] == 1).all() and turns.max() <= 1
  assert (np.asarray(turns) == np.asarray(turns)[:, :1]).all()
  # No more rounds than there are groups of problems that need one.
  assert calls == -(-wanted.sum() // num_slots)


def test_putting_rows_back_copies_nothing():
  """Beams of 64 KiB: only rows that are taken may need room of their own."""
  R = 2

  def change(cache, mask):
    beam_index = beam_index_lib.BeamIndex(
      None, beam_index_lib.first_beams(mask, R)
    )
    return beam_index.put(cache, beam_index.take(cache) + 1)

  arguments = jnp.ones((2, 64, 2**14)), jnp.ones((2, 64), bool)
  program = jax.jit(change, donate_argnums=0).lower(*arguments).compile()
  found = program.memory_analysis()
  assert found.alias_size_in_bytes == arguments[0].nbytes
  assert found.temp_size_in_bytes < 2 * R * 2**14 * 4 + 1000
