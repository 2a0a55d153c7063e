"""The notebook that ports Gemma runs, and so does the port by itself."""

import importlib
import re
import warnings

import jax
import jax.numpy as jnp
import pytest

from inference_scaling import search
from tests.colab import notebooks, port_faults

NAME = "port_your_model.ipynb"
NUM_PICTURES = 2  # error against FLOPs, a search tree
# What the packages of others warn of is not ours to mend.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]


@pytest.fixture(name="gemma", scope="module")
def _gemma():
  pytest.importorskip(
    "gemma", reason="Google DeepMind's gemma is not installed; see .ci/run"
  )


@pytest.fixture(name="executed", scope="module")
def _executed(gemma, tmp_path_factory):
  return notebooks.execute(NAME, tmp_path_factory.mktemp("jupyter"))


def _files():
  """The modules that the notebook writes, by name."""
  files = {}
  for source in notebooks.sources(notebooks.read(NAME)):
    first, _, text = source.partition("\n")
    name = re.fullmatch(r"%%writefile \{folder\}/(\w+)\.py", first)
    if name:
      files[name[1]] = text
  return files


@pytest.fixture(name="ported", scope="module")
def _ported(gemma, tmp_path_factory):
  """The module of the port, and `search.check` of a policy."""
  folder = tmp_path_factory.mktemp("port")
  for name, text in _files().items():
    (folder / f"{name}.py").write_text(text)
  jax.config.update("jax_disable_most_optimizations", True)
  with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
    patch.syspath_prepend(str(folder))
    warnings.simplefilter("ignore")
    # Gemma promotes ranks.
    with jax.numpy_rank_promotion("allow"):
      module = importlib.import_module("gemma_port")
      likelihood = importlib.import_module("likelihood")
      given = module.make_policy()
      params = given.params(given.weights, *jnp.array([1.0, 0.0, 1.0]))
      prompts = jnp.stack([given.encode("1+2"), given.encode("13+5")])

      def check(policy):
        reward = likelihood.make_reward().make(4)
        return search.check(policy, reward, params, (), prompts, num_steps=4)

      yield module, check
  jax.config.update("jax_disable_most_optimizations", False)


def test_the_port_is_as_short_as_the_text_says():
  notebook = notebooks.read(NAME)
  count = sum(bool(x.strip()) for x in _files()["gemma_port"].splitlines())
  assert count < 80
  assert f"a port of {count} lines" in notebook.cells[0].source
  assert f"{count} lines\n" in notebooks.outputs(notebook, "stdout")


def test_the_notebook_installs_what_ci_installs():
  sources = "\n".join(notebooks.sources(notebooks.read(NAME)))
  installs = re.findall(r"%pip install --quiet (.*)", sources)
  assert installs[0] == '"git+{address}" {kept}'
  wanted = {name for line in installs[1:] for name in line.split()}
  script = (notebooks.ROOT / ".ci" / "run").read_text()
  assert wanted <= set(script.split())


def test_the_laws_hold_and_a_fault_is_named(executed):
  text = "".join(notebooks.outputs(executed, "stdout"))
  for law in ("inactive beams", "fork", "neighbours", "order of problems"):
    assert f"\n{law}\n" in text
  assert "search.check: the law 'inactive beams' is broken" in text
  assert "wrap the model in search.per_row" in text


def test_the_cache_gives_what_gemma_gives_without(executed):
  text = "".join(notebooks.outputs(executed, "stdout"))
  tokens, gap = re.search(
    r"(\d+) tokens, largest difference (\S+)", text
  ).groups()
  assert int(tokens) > 8 and float(gap) < 1e-5


def test_searches_find_more_of_what_they_look_for(executed):
  (table,) = [
    text
    for text in notebooks.outputs(executed, "text/plain")
    if text.split()[:3] == ["best", "candidates", "tokens"]
  ]
  best = {
    row.split()[0]: float(row.split()[1]) for row in table.splitlines()[2:]
  }
  assert set(best) == {"sampling", "rebase", "beam_search", "mcts"}
  assert best["rebase"] > 1.2 * best["sampling"] < best["beam_search"]
  # MCTS drew a third of the tokens.
  assert best["mcts"] > best["sampling"]


def test_it_sweeps_and_reports(executed):
  text = "".join(notebooks.outputs(executed, "stdout"))
  for strategy, n in (
    ("rebase", 16), ("sampling", 16), ("beam_search", 16), ("mcts", 8)
  ):  # fmt: skip
    assert re.search(
      rf"mine {strategy} n={n} seed=0: 55 problems, .* accuracy ", text
    )
  assert "report.md" in text
  assert len(notebooks.outputs(executed, "image/png")) == NUM_PICTURES
  assert any(
    "flops_paper" in table for table in notebooks.outputs(executed, "text/html")
  )


def test_it_warns_of_nothing(executed):
  assert not notebooks.outputs(executed, "stderr")


def test_the_committed_notebook_has_its_outputs_and_is_small():
  notebooks.check_committed(NAME, NUM_PICTURES, most_bytes=450_000)


@pytest.mark.parametrize("fault", port_faults.FAULTS, ids=lambda x: x.__name__)
def test_a_planted_fault_is_named(ported, fault):
  module, check = ported
  sound = module.make_policy().make(4)
  with pytest.raises(ValueError, match=f"the law '{fault.law}' is broken"):
    check(fault(sound))


def test_the_port_refuses_what_it_lacks(ported):
  module, _ = ported
  given = module.make_policy()
  with pytest.raises(ValueError, match="top_k and top_p are not supported"):
    given.params(given.weights, 1.0, 5, 1.0)
  with pytest.raises(ValueError, match="11 tokens, expected 8 at most"):
    given.encode("1+2+3+4+5")
