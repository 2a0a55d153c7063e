"""The dense cache against plain lists of tokens."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling.decoding.kv_cache import beam_index as beam_index_lib
from inference_scaling.decoding.kv_cache import dense as cache_lib
from inference_scaling.decoding.kv_cache import forking
from inference_scaling.models.layers import attention
from inference_scaling.models.layers import hardware as hardware_lib

pytestmark = pytest.mark.usefixtures("quick_compilations")

P, N, S = 4, 3, 8  # problems, beams, tokens of a beam at most
K, H, LAYERS, PROMPT = 2, 3, 2, 5
WIDTH = 3  # new tokens at once
CPU = hardware_lib.Hardware("cpu", 1)
# Entries lie in another order, and new tokens in a buffer of their own.
ACCELERATORS = [hardware_lib.Hardware(name, 1) for name in ("gpu", "tpu")]


@pytest.fixture(params=[CPU, *ACCELERATORS], ids=lambda case: case.platform)
def hardware(request):
  return request.param


@pytest.fixture(scope="module", autouse=True)
def small_windows():
  """So that a fork needs several of them."""
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(forking, "_WINDOW", 2)
    yield


def _key(token, layer):
  """What stands for the key [K, H] of a token; its value is the negative."""
  return 100 * token + 10 * layer + np.arange(K * H).reshape(K, H) / K / H


def _prompts():
  lengths = np.array([5, 1, 3, 4], np.int32)
  tokens = -1 - np.arange(P * PROMPT).reshape(P, PROMPT)
  layers = []
  for layer in range(LAYERS):
    keys = np.array([[_key(token, layer) for token in row] for row in tokens])
    keys = np.moveaxis(keys, 1, -1)[:, None].astype(np.float32)
    layers.append((keys, -keys.swapaxes(-1, -2)))
  return tuple(layers), lengths


def _write(row, n, tokens):
  """Writes tokens from entry n on into keys and values of one row."""
  for layer, (keys, values) in enumerate(row):
    for entry, token in enumerate(tokens, start=n):
      keys[..., entry] = _key(token, layer)
      values[:, entry] = -_key(token, layer)


class Lists:
  """A cache, and what it should hold: lists of tokens [P][N].

  Whatever writes or forks compares all beams with their lists afterwards, and
  rows that are opened with the prompts and the texts that they are of.
  """

  def __init__(self, hardware):
    layers, lengths = _prompts()
    self.keys_axis = attention.keys_axis(hardware)
    layers = jax.tree.map(jnp.asarray, self._turn(layers))
    self.cache = cache_lib.start(layers, jnp.array(lengths), N, S, hardware)
    self.beams = [[[] for _ in range(N)] for _ in range(P)]
    self.made = 0

  def grow(self, counts, slots=None, beams=None, size=S, prompt_size=PROMPT):
    """Lets rows write; counts [Q][R]."""
    beam_index = beam_index_lib.BeamIndex(
      None if slots is None else jnp.array(slots, jnp.int32),
      None if beams is None else jnp.array(beams, jnp.int32),
    )
    chosen = list(range(P)) if slots is None else slots
    if self.keys_axis == attention.VALUES_AXIS:
      self._grow_apart(counts, chosen, beams, beam_index, size, prompt_size)
      return
    rows = self.cache.open_rows(beam_index, size, prompt_size)
    assert rows.own[0][0].shape == (len(counts), len(counts[0]), K, H, size)
    prompts = _prompts()[0]
    for found, wanted in zip(rows.prompt, prompts, strict=True):
      np.testing.assert_array_equal(
        found[0], wanted[0][chosen][..., :prompt_size]
      )
      np.testing.assert_array_equal(
        found[1], wanted[1][chosen][..., :prompt_size, :]
      )
    assert rows.prompt_lengths.tolist() == _prompts()[1][chosen].tolist()
    own, lengths = jax.tree.map(np.array, (rows.own, rows.lengths))
    for q, p in enumerate(chosen):
      for r, n in enumerate(range(N) if beams is None else beams[q]):
        beam = self.beams[p][n]
        row = [(keys[q, r], values[q, r]) for keys, values in own]
        self._check(row, beam, lengths[q, r])
        new = list(range(self.made, self.made + counts[q][r]))
        self.made += len(new)
        _write(row, len(beam), new)
        for keys, values in row:  # whoever waits leaves garbage behind
          keys[..., len(beam + new) :] = values[:, len(beam + new) :] = 1e4
        lengths[q, r] += len(new)
        self.beams[p][n] = beam + new
    rows = rows.replace(own=own, lengths=jnp.array(lengths))
    close = jax.jit(lambda *args: cache_lib.Cache.close_rows(*args, WIDTH))
    self.cache = close(self.cache, beam_index, rows)
    self.check()

  def _grow_apart(self, counts, chosen, beams, beam_index, size, prompt_size):
    """The same where rows keep new tokens in a buffer."""
    rows = self.cache.open_rows(beam_index, size, prompt_size, WIDTH)
    for segment in (rows.prompt, rows.own):
      assert segment[0][0].shape == segment[0][1].shape
    assert rows.prompt_lengths.tolist() == _prompts()[1][chosen].tolist()
    shape = (WIDTH, len(chosen), len(counts[0]), K, H)
    layers = [
      tuple(np.full(shape, 1e4, np.float32) for _ in "kv")
      for _ in range(LAYERS)
    ]  # whoever waits leaves garbage behind
    for q, p in enumerate(chosen):
      for r, n in enumerate(range(N) if beams is None else beams[q]):
        beam = self.beams[p][n]
        assert rows.lengths[q, r] == len(beam)
        new = list(range(self.made, self.made + counts[q][r]))
        self.made += len(new)
        for layer, (keys, values) in enumerate(layers):
          for index, token in enumerate(new):
            keys[index, q, r] = _key(token, layer)
            values[index, q, r] = -_key(token, layer)
        self.beams[p][n] = beam + new
    grown = jnp.array(counts, jnp.int32)
    rows = rows.advance(jax.tree.map(jnp.array, layers), grown, WIDTH)
    close = jax.jit(lambda *args: cache_lib.Cache.close_rows(*args, WIDTH))
    self.cache = close(self.cache, beam_index, rows)
    self.check()

  def _turn(self, layers):
    """Keys in the order of a cache of theirs, from [..., H, S]."""
    if self.keys_axis == attention.KEYS_AXIS:
      return layers
    return tuple((keys.swapaxes(-1, -2), values) for keys, values in layers)

  def fork(self, parents, num_rows=N, num_slots=P):
    fork = jax.jit(cache_lib.Cache.fork, static_argnums=(2, 3))
    parents = np.array(parents, np.int32)
    self.cache = fork(self.cache, parents, num_rows, num_slots)
    self.beams = [
      [beams[n] for n in row]
      for beams, row in zip(self.beams, parents, strict=True)
    ]
    self.check()

  def check(self):
    own = self._turn(self.cache.own)  # and back
    for p in range(P):
      for n in range(N):
        row = [(k[p, n], v[p, n]) for k, v in own]
        self._check(row, self.beams[p][n], self.cache.lengths[p, n])

  def _check(self, row, tokens, length):
    assert length == len(tokens)
    wanted = [(np.zeros((K, H, length)), np.zeros((K, length, H)))] * LAYERS
    wanted = jax.tree.map(lambda leaf: leaf.astype(np.float32), wanted)
    wanted = jax.tree.map(np.copy, wanted)
    _write(wanted, 0, tokens)
    for (keys, values), (k, v) in zip(row, wanted, strict=True):
      np.testing.assert_array_equal(keys[..., :length], k)
      np.testing.assert_array_equal(values[:, :length], v)


@pytest.fixture
def grown(hardware):
  lists = Lists(hardware)
  lists.grow([[3, 1, 2], [0, 2, 3], [1, 1, 1], [2, 3, 0]])
  return lists


def test_some_beams_of_all_or_of_some_problems_write(grown):
  grown.grow([[3, 0], [1, 2], [2, 2], [0, 3]], beams=[[2, 0], [0, 1]] * 2)
  grown.grow([[2, 1], [3, 2]], slots=[3, 1], beams=[[1, 0], [2, 0]])
  assert max(len(beam) for beams in grown.beams for beam in beams) > 5


def test_a_window_at_the_end_goes_back_over_older_entries(grown):
  grown.grow([[3, 3, 3]] * P)
  # Most begin where a window of 3 would pass the end.
  grown.grow([[2, 3, 3], [3, 3, 2], [3, 3, 3], [3, 2, 3]])
  grown.grow([[0, 1, 0], [2, 0, 0], [1, 1, 1], [0, 0, 2]])
  assert {len(beam) for beams in grown.beams for beam in beams} == {S}


@pytest.mark.parametrize("size", [6, 8, 13])
def test_rows_may_be_shorter_or_longer_than_what_is_stored(grown, size):
  """As are those of texts that are short yet, and of a reward's last block."""
  grown.grow([[3, 0, 1]] * P, size=size)
  grown.grow([[0, 1], [2, 3]], slots=[0, 2], beams=[[0, 1], [1, 2]], size=size)
  assert len(grown.beams[0][0]) == 6
  if size > 6:
    grown.grow([[2, 0, 1]] * P, size=size)


def test_a_prompt_is_read_no_further_than_it_must_be(grown):
  lengths = [len(grown.beams[p][n]) for p in (2, 1) for n in (0, 1)]
  grown.grow([[1, 1]] * 2, slots=[2, 1], beams=[[0, 1]] * 2, prompt_size=3)
  longer = [len(grown.beams[p][n]) for p in (2, 1) for n in (0, 1)]
  assert longer == [length + 1 for length in lengths]
  assert grown.cache.prompt[0][1].shape[3] == PROMPT  # it stays as it was


SWAPS = [[1, 0, 2], [0, 0, 0], [0, 1, 2], [2, 0, 1]]  # 2, 2, 0 and 3 move


@pytest.mark.parametrize("num_rows", [1, 2, 3])
@pytest.mark.parametrize("num_slots", [1, 2, 4])
def test_a_fork_copies_beams_whoever_moves_where(grown, num_rows, num_slots):
  """Also where more move than there are rows."""
  grown.fork(SWAPS, num_rows, num_slots)
  grown.grow([[3, 2, 1]] * P)
  grown.fork([[0, 1, 0], [2, 1, 0], [0, 0, 2], [0, 1, 2]], num_rows, num_slots)
  assert grown.beams[0][2] == grown.beams[0][0] != grown.beams[0][1]
  grown.check()


def test_a_fork_of_nobody_copies_nothing(grown):
  before = grown.cache
  grown.fork([[0, 1, 2]] * P, 1, 2)
  jax.tree.map(np.testing.assert_array_equal, before, grown.cache)


def test_a_fork_needs_no_room_beyond_its_windows():
  """Caches of 2 MiB, forked window by window where they are."""
  keys = jnp.zeros((2, 8, 2, 4, 2**12))
  empty = cache_lib.start(
    ((keys[:, :1], keys[:, :1].swapaxes(-1, -2)),), jnp.zeros(2, jnp.int32), 8,
    2**12, CPU,
  )  # fmt: skip
  parents = jnp.zeros((2, 8), jnp.int32)
  program = (
    jax.jit(lambda *args: cache_lib.Cache.fork(*args, 2, 1), donate_argnums=0)
    .lower(empty, parents)
    .compile()
  )
  found = program.memory_analysis()
  assert found.temp_size_in_bytes < keys.nbytes / 8


def test_what_was_appended_is_forgotten(grown):
  before, beams = grown.cache, [list(row) for row in grown.beams]
  grown.grow([[3, 3, 3]] * P)
  grown.grow([[1, 0]] * P, beams=[[0, 2]] * P)
  grown.cache, grown.beams = before.rewind(grown.cache), beams
  grown.check()
  lengths = [[len(beam) + 1 + n for n, beam in enumerate(row)] for row in beams]
  grown.grow([[1, 2, 3]] * P)  # over what was left
  assert grown.cache.lengths.tolist() == lengths
