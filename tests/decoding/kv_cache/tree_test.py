"""A cache of shared prefixes against plain lists of tokens."""

import functools

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from inference_scaling.decoding.kv_cache import beam_index as beam_index_lib
from inference_scaling.decoding.kv_cache import dense as cache_lib
from inference_scaling.decoding.kv_cache import tree, tree_store
from inference_scaling.models.layers import attention
from inference_scaling.models.layers import hardware as hardware_lib

pytestmark = pytest.mark.usefixtures("quick_compilations")

P, N, T = 2, 4, 6  # problems, beams, tokens of a beam at most
Q, R = 1, 2  # of these at work, where not all are
WIDTH = 3  # new tokens at once
K, H, PROMPT = 2, 2, 3
LAYERS = 2
CPU, GPU, TPU = (
  hardware_lib.Hardware(platform, 1) for platform in ("cpu", "gpu", "tpu")
)
CAPACITY = 14  # entries of a problem: too few for some of what follows


@pytest.fixture(scope="module", autouse=True)
def small_windows():
  """So that new tokens need several of them."""
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(tree_store, "_WINDOW", 2)
    yield


def _contents(ids):
  """Keys and values [..., K, H] of tokens, all different, by layer."""
  cells = np.arange(K * H, dtype=np.float32).reshape(K, H)
  ids = np.asarray(ids, np.float32)[..., None, None] * 100 + cells
  return [(ids + 10 * layer, ids + 10 * layer + 0.5) for layer in range(LAYERS)]


def _to_rows(contents):
  """Lays [..., K, H] of tokens out as the rows of a model."""
  return tuple(
    (np.moveaxis(keys, -3, -1), np.moveaxis(values, -3, -2))
    for keys, values in contents
  )


@functools.cache
def _empty(kind, hardware=CPU):
  prompt = _to_rows(_contents(np.arange(P * PROMPT).reshape(P, 1, PROMPT)))
  prompt = jax.tree.map(jnp.array, prompt)
  if hardware is not CPU:  # whose keys lie as values do
    prompt = tuple((keys.swapaxes(-1, -2), values) for keys, values in prompt)
  lengths = jnp.array([PROMPT, 1], jnp.int32)
  if kind == "dense":
    return cache_lib.start(prompt, lengths, N, T, hardware)
  return tree.start(prompt, lengths, N, T, CAPACITY, hardware)


@jax.jit
def _open(cache, beam_index):
  buffer = None if cache.hardware.is_cpu else WIDTH
  return cache.open_rows(beam_index, T, PROMPT, buffer)


@jax.jit
def _close(cache, beam_index, rows):
  return cache.close_rows(beam_index, rows, WIDTH)


@jax.jit
def _fork(cache, parents):
  return cache.fork(parents, N, P)


class Oracle:
  """Beams as lists of numbers of tokens, beside a cache that is put to test.

  Attributes:
    cache: what is tested.
    beams: tokens of each beam, [P][N].
    made: tokens so far.
    most: by problem, the most different tokens at once.
    spoiled: problems that once needed more than find room.
  """

  def __init__(self, kind, hardware=CPU):
    self.cache = _empty(kind, hardware)
    self.beams = [[[] for _ in range(N)] for _ in range(P)]
    self.made = 0
    self.most = [0] * P
    self.spoiled = set()

  def grow(self, slots, beams, counts):
    """Lets some beams write: counts by slot and row, cut to what has room."""
    beam_index = beam_index_lib.BeamIndex(
      None if slots is None else jnp.array(slots, jnp.int32),
      None if beams is None else jnp.array(beams, jnp.int32),
    )
    rows = _open(self.cache, beam_index)
    own = _own(rows)
    lengths = np.array(rows.lengths)
    buffer = rows.buffer
    if buffer is not None:  # of which no more than what is written counts
      layers = jax.tree.map(
        lambda leaf: np.full(leaf.shape, 7.0), buffer.layers
      )
    slots = range(P) if slots is None else slots
    new = {}
    for q, p in enumerate(slots):
      for r, n in enumerate(range(N) if beams is None else beams[q]):
        old = self.beams[p][n]
        self._check_row(own, lengths[q, r], q, r, p, n)
        count = min(counts[q][r], T - len(old))
        new[p, n] = list(range(self.made, self.made + count))
        self.made += count
        lengths[q, r] += count
        if buffer is None:
          _write(own, q, r, len(old), new[p, n])
        else:
          _append(layers, q, r, new[p, n])
    if buffer is None:
      rows = rows.replace(own=own, lengths=jnp.array(lengths))
    else:
      layers = jax.tree.map(lambda leaf: jnp.float32(leaf), layers)
      rows = rows.advance(layers, jnp.array(lengths - rows.lengths), WIDTH)
    self.cache = _close(self.cache, beam_index, rows)
    self._note(slots, new)
    self.check()

  def _note(self, slots, new):
    """Takes up new tokens and counts what they need."""
    for p in slots:
      held = {token for beam in self.beams[p] for token in beam}
      fresh = sum(len(tokens) for (q, _), tokens in new.items() if q == p)
      self.most[p] = max(self.most[p], len(held) + fresh)
      if self._shared and self.most[p] > CAPACITY:
        self.spoiled.add(p)
    for (p, n), tokens in new.items():
      self.beams[p][n] = self.beams[p][n] + tokens

  def fork(self, parents):
    self.cache = _fork(self.cache, jnp.array(parents, jnp.int32))
    self.beams = [
      [beams[parent] for parent in mine]
      for beams, mine in zip(self.beams, parents, strict=True)
    ]
    self.check()

  def look_ahead(self, steps):
    before, kept = self.cache, self.beams
    for slots, beams, counts in steps:
      self.beams = [list(mine) for mine in self.beams]
      self.grow(slots, beams, counts)
    self.cache, self.beams = before.rewind(self.cache), kept
    self.check()

  def check(self):
    """Compares all beams, and how they lie in the store."""
    rows = _open(self.cache, beam_index_lib.ALL)
    own = _own(rows)
    for p in range(P):
      for n in range(N):
        self._check_row(own, rows.lengths[p, n], p, n, p, n)
    if self._shared:
      self._check_store()

  @property
  def _shared(self):
    return isinstance(self.cache, tree.TreeCache)

  def _check_row(self, own, length, q, r, p, n):
    tokens = self.beams[p][n]
    assert length == len(tokens)
    if p in self.spoiled:
      return
    for (keys, values), (k, v) in zip(own, _contents(tokens), strict=True):
      for found, wanted in (
        (keys[q, r].transpose(2, 0, 1), k),
        (values[q, r].transpose(1, 0, 2), v),
      ):
        np.testing.assert_array_equal(found[:length], wanted)
        assert np.isfinite(found).all()

  def _check_store(self):
    """Each token has one entry, and each entry in use one token."""
    entries = np.array(self.cache.entries)
    for p in range(P):
      assert self.cache.most_entries[p] == self.most[p] or p in self.spoiled
      assert (p in self.spoiled) == (self.cache.most_entries[p] > CAPACITY)
      assert (entries[p] >= 0).all() and (entries[p] < CAPACITY).all()
      if p in self.spoiled:
        continue
      pairs = {
        (token, int(entry))
        for beam, mine in zip(self.beams[p], entries[p], strict=True)
        for token, entry in zip(beam, mine[: len(beam)], strict=True)
      }
      tokens, used = zip(*pairs, strict=True) if pairs else ((), ())
      assert len(set(tokens)) == len(set(used)) == len(pairs)


def _write(own, q, r, start, tokens):
  """Puts the keys and values of tokens in a row."""
  for (keys, values), (k, v) in zip(own, _contents(tokens), strict=True):
    stop = start + len(tokens)
    keys[q, r, :, :, start:stop] = np.moveaxis(k, 0, -1)
    values[q, r, :, start:stop] = np.moveaxis(v, 0, -2)


def _append(layers, q, r, tokens):
  """Puts the keys and values of tokens in an append buffer."""
  for (keys, values), (k, v) in zip(layers, _contents(tokens), strict=True):
    keys[: len(tokens), q, r], values[: len(tokens), q, r] = k, v


def _own(rows):
  """The rows' own keys and values, the entries of keys last; of all slots.

  A dense cache may leave them in the storage, and says which slot is meant.
  """
  turned = rows.keys_axis == attention.VALUES_AXIS
  own = jax.tree.map(np.array, rows.own)
  if rows.slots is not None:
    own = jax.tree.map(lambda leaf: leaf[np.array(rows.slots)], own)
  if not turned:
    return own
  return tuple((keys.swapaxes(-1, -2), values) for keys, values in own)


def _counts(slots, rows):
  row = st.lists(st.integers(0, WIDTH), min_size=rows, max_size=rows)
  return st.lists(row, min_size=slots, max_size=slots)


def _some(count, out_of):
  return st.permutations(range(out_of)).map(lambda order: order[:count])


_STEPS = st.one_of(
  st.tuples(st.none(), st.none(), _counts(P, N)),
  st.tuples(
    st.none(), st.lists(_some(R, N), min_size=P, max_size=P), _counts(P, R)
  ),
  st.tuples(
    _some(Q, P), st.lists(_some(R, N), min_size=Q, max_size=Q), _counts(Q, R)
  ),
)
_PARENTS = st.lists(
  st.lists(st.integers(0, N - 1), min_size=N, max_size=N),
  min_size=P, max_size=P,
)  # fmt: skip
_STORIES = st.lists(
  st.one_of(
    st.tuples(st.just("grow"), _STEPS),
    st.tuples(st.just("fork"), _PARENTS),
    st.tuples(st.just("look_ahead"), st.lists(_STEPS, max_size=2)),
  ),
  max_size=8,
)


@pytest.mark.parametrize(
  "hardware", [CPU, GPU, TPU], ids=lambda case: case.platform
)
@pytest.mark.parametrize("kind", ["dense", "tree"])
@hypothesis.settings(
  max_examples=25, deadline=None, derandomize=True, database=None
)
@hypothesis.given(story=_STORIES)
def test_beams_hold_what_was_written(kind, hardware, story):
  oracle = Oracle(kind, hardware)
  for name, argument in story:
    if name == "grow":
      oracle.grow(*argument)
    else:
      getattr(oracle, name)(argument)
    oracle.check()


@pytest.mark.parametrize(
  "hardware", [CPU, GPU, TPU], ids=lambda case: case.platform
)
@pytest.mark.parametrize("last,enough", [(2, True), (3, False)])
def test_freed_entries_are_used_again(last, enough, hardware):
  """Twelve tokens, of which three live on, and as many as find room."""
  oracle = Oracle("tree", hardware)
  oracle.grow(None, None, [[3, 3, 3, 3]] * P)
  oracle.fork([[2] * N, [0] * N])
  oracle.grow(None, None, [[3, 3, 3, last], [0, 0, 0, 0]])
  needed = CAPACITY + (not enough)
  assert oracle.cache.most_entries.tolist() == [needed, 12]
  assert oracle.spoiled == (set() if enough else {0})
  assert not enough or len(set(np.array(oracle.cache.entries[0]).flat)) == 14


def test_a_fork_moves_no_keys_or_values():
  cache = _empty("tree").replace(
    entries=jnp.arange(P * N * T).reshape(P, N, T),
    lengths=jnp.arange(P * N).reshape(P, N),
  )
  forked = cache.fork(jnp.array([[3, 3, 0, 1]] * P), 1, 1)
  for old, new in zip(
    jax.tree.leaves(cache.own), jax.tree.leaves(forked.own), strict=True
  ):
    assert old is new
  assert forked.lengths.tolist() == [[3, 3, 0, 1], [7, 7, 4, 5]]
  assert forked.entries[1, 0].tolist() == cache.entries[1, 3].tolist()


def test_closing_rows_writes_the_store_where_it_is():
  """Of 1 MiB an array; only rows and lists may need room of their own."""
  capacity, size = 2**13, 64
  prompt = jax.ShapeDtypeStruct((1, 1, 4, 8, 8), jnp.float32)
  layers = ((prompt, jax.ShapeDtypeStruct((1, 1, 4, 8, 8), jnp.float32)),)
  cache = jax.eval_shape(
    lambda layers, lengths: tree.start(layers, lengths, 2, 64, capacity, CPU),
    layers, jax.ShapeDtypeStruct((1,), jnp.int32),
  )  # fmt: skip
  rows = jax.eval_shape(
    lambda cache: cache.open_rows(beam_index_lib.ALL, size, 8), cache
  )
  program = (
    jax.jit(
      lambda cache, rows: cache.close_rows(beam_index_lib.ALL, rows, size),
      donate_argnums=0,
    )
    .lower(cache, rows)
    .compile()
  )
  found = program.memory_analysis()
  store = sum(np.prod(leaf.shape) * 4 for leaf in jax.tree.leaves(cache.own))
  assert found.alias_size_in_bytes >= store
  assert found.temp_size_in_bytes < store / 8
