"""Fine-tuning of tiny models: batches, steps, meshes, resumes, exports."""

import json

import jax
import ml_collections
import numpy as np
import pytest
import tokenizers
import transformers

from inference_scaling import models, tasks
from inference_scaling.models import reward_formats, sharding
from inference_scaling.training import (
  finetune,
  loop,
)
from inference_scaling.training import tokenizer as tokenizer_lib
from inference_scaling.training.data import (
  finetune_data,
  finetune_rows,
  math_shepherd,
  metamath,
)

TOKENIZER = tokenizer_lib.build_tokenizer()
ROWS = [("How many?\n", f"Step 1: 1 + {i} = {i + 1} ки") for i in range(8)]


def _config(**changes):
  config = ml_collections.ConfigDict(
    {
      "kind": "finetune_policy", "seed": 1, "start": "random/mistral_7b",
      "held_out": 2, "epochs": 2,
      # 14 of them are short enough: one shape, so one compilation.
      "data": {"source": "synthetic:24", "types": ()},
      "batch_size": 6, "microbatch_size": 6, "max_length": 128,
      "dtype": "float32", "mesh": {"data": 1, "model": 1},
      "learning_rate": 0.01, "warmup_fraction": 0.25, "weight_decay": 0.1,
      "clip_norm": 1.0, "checkpoint_every": 2, "evaluate_every": 2,
    }
  )  # fmt: skip
  config.update(changes)
  return config


def _rows(workdir):
  lines = (workdir / "metrics.jsonl").read_text().splitlines()
  rows = [json.loads(line) for line in lines]
  for row in rows:
    del row["seconds"]
  return rows


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
  workdir = tmp_path_factory.mktemp("straight")
  return metamath.finetune_policy(_config(), workdir), workdir


def test_loss_falls_and_the_model_is_saved(trained):
  policy, workdir = trained
  rows = _rows(workdir)
  assert [row["step"] for row in rows] == [2, 4]
  assert rows[1]["held_out_loss"] < rows[0]["held_out_loss"] - 0.1
  loaded = models.load_model(workdir / "model")
  assert loaded.config == policy.config
  assert loaded.config.sliding_window == 48
  jax.tree.map(np.testing.assert_array_equal, loaded.params, policy.params)


@pytest.mark.slow
def test_killed_run_resumes_exactly(trained, tmp_path, monkeypatch):
  policy, workdir = trained

  def kill(*arguments):
    raise KeyboardInterrupt

  monkeypatch.setattr(loop, "_log", kill)  # at step 2, the first evaluation
  with pytest.raises(KeyboardInterrupt):
    metamath.finetune_policy(_config(), tmp_path)
  monkeypatch.undo()
  resumed = metamath.finetune_policy(_config(), tmp_path)
  jax.tree.map(np.testing.assert_array_equal, resumed.params, policy.params)
  assert _rows(tmp_path) == _rows(workdir)


def test_only_solutions_are_learned():
  (row, *_) = finetune_data.encode_solved(TOKENIZER, ROWS, 2)
  prompt = TOKENIZER(ROWS[0][0])["input_ids"]
  assert row.tokens[: len(prompt)].tolist() == prompt
  assert row.tokens[-1] == 2
  assert row.weights.tolist() == [i >= len(prompt) for i in range(len(row[0]))]


def test_prompts_that_are_learned_are_those_that_are_asked():
  """Without an end, and with no control token of the question's."""
  core = tokenizers.Tokenizer.from_str(TOKENIZER.backend_tokenizer.to_str())
  core.post_processor = tokenizers.processors.TemplateProcessing(
    "<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
  )
  ends = transformers.PreTrainedTokenizerFast(
    tokenizer_object=core, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
  )
  for question in ("How many?", "How </s> many?"):
    solution = "Step 1: Two. The answer is: 2"
    rows = [(tasks.step_prompt(question), solution)]
    (row,) = finetune_data.encode_solved(ends, rows, 2)
    prompt = tasks.make_prompt({"kind": "plain"}, question, ends)
    assert row.tokens[: len(prompt)].tolist() == prompt
    assert row.tokens.tolist().count(2) == 1 and row.tokens[-1] == 2
    assert row.weights.tolist() == [
      i >= len(prompt) for i in range(len(row[0]))
    ]
    assert finetune_data.encode_solved(TOKENIZER, rows, 2)[
      0
    ].tokens.tolist() == (row.tokens.tolist())


def test_judged_tokens_are_the_tags():
  reward_format = reward_formats.make_reward_format("llemma", TOKENIZER)
  question, steps = "How many?", ("Step 1: 2.", "Step 2: The answer is: 2")
  row = finetune_data.encode_labelled(
    reward_format,
    [finetune_rows.LabelledSolution(question, steps, (True, False))],
  )[0]
  (tag,) = TOKENIZER(" ки", add_special_tokens=False)["input_ids"]
  assert np.flatnonzero(row.weights).tolist() == [
    i for i, token in enumerate(row.tokens) if token == tag
  ]
  assert row.targets[row.weights].tolist() == [True, False]
  text = TOKENIZER.decode(row.tokens)
  assert text == "How many? Step 1: 2. ки\nStep 2: The answer is: 2 ки"


def test_long_rows_are_dropped_never_cut():
  rows = finetune_data.encode_solved(TOKENIZER, ROWS, 2)
  longer = rows[0]._replace(tokens=np.zeros(99, np.int32))
  assert finetune_data.keep_short([*rows, longer], 98) == rows
  with pytest.raises(
    ValueError, match=r"all 1 rows .* max_length = 98 tokens; .* 99"
  ):
    finetune_data.keep_short([longer], 98)


def test_an_epoch_holds_every_row_once_and_a_step_knows_its_rows():
  rows = [
    finetune_data.Encoded(*np.full((3, i + 1), i, np.int32)) for i in range(8)
  ]
  batches = finetune_data.RowBatches(rows, 4, 2, 4, seed=3)
  flat = [
    sorted(row for part in batches[i] for row in part["tokens"][:, 0].tolist())
    for i in range(4)
  ]
  assert (
    sorted(flat[0] + flat[1]) == sorted(flat[2] + flat[3]) == list(range(8))
  )
  assert flat[:2] != flat[2:]
  again = finetune_data.RowBatches(rows, 4, 2, 4, seed=3)
  np.testing.assert_array_equal(again[3][1]["tokens"], batches[3][1]["tokens"])
  assert all(part["tokens"].shape == (2, 128) for part in batches[0])


@pytest.fixture(scope="module")
def stepped():
  """One step from one model: unsharded, and sharded in other microbatches."""
  config = _config(steps=4, start="random/llama3_8b")
  model = finetune.load_start(config)
  # Of these rows, since with all of them one gradient in thousands nearly
  # cancels, and Adam makes a step of what float32 leaves of it.
  encoded = finetune_data.encode_solved(TOKENIZER, ROWS[4:] * 2, 2)
  loss = metamath.make_loss(model)

  def step(size, mesh):
    optimizer = finetune.make_adamw(config)
    params = jax.tree.map(np.array, model.params)
    if mesh is None:
      params = jax.tree.map(jax.numpy.asarray, params)
    state = finetune.start_state(params, optimizer, mesh)
    update = finetune.make_update(loss, optimizer, mesh)
    state, metrics = update(state, finetune_data.microbatches(encoded, size))
    return state, metrics

  return config, model, encoded, step(8, None), step


@pytest.mark.slow
def test_a_mesh_and_other_microbatches_give_the_same_step(stepped):
  _, _, _, (state, metrics), step = stepped
  mesh = models.make_mesh(4, 2)
  sharded, others = step(4, mesh)
  np.testing.assert_allclose(others["loss"], metrics["loss"], rtol=1e-5)
  jax.tree.map(
    # Adam divides by the gradient's size, so tiny ones tell most.
    lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4),
    jax.device_get(sharded["params"]), jax.device_get(state["params"]),
  )  # fmt: skip
  up = sharded["params"]["layers"][0]["mlp"]["up"]["weight"]
  assert up.addressable_shards[0].data.size == up.size // 8
  moments = [
    leaf
    for leaf in jax.tree.leaves(sharded["optimizer"])
    if leaf.shape == up.shape
  ]
  assert all(leaf.sharding == up.sharding for leaf in moments) and moments


@pytest.mark.parametrize("mesh", [(4, 2), (8, 1)])
def test_a_start_is_never_whole_on_one_device(stepped, mesh):
  config, whole, *_ = stepped
  data, model = mesh
  changes = {"mesh": {"data": data, "model": model}, "microbatch_size": 8}
  start = finetune.load_start(_config(start=config.start, **changes))
  for path, leaf in jax.tree_util.tree_leaves_with_path(start.params):
    parts = {shard.data.size for shard in leaf.addressable_shards}
    # Norms have one axis and stay whole; all that has two is split by both.
    assert parts == {leaf.size if leaf.ndim == 1 else leaf.size // 8}, path
    assert len(leaf.addressable_shards) == 8
  jax.tree.map(np.testing.assert_array_equal, start.params, whole.params)
  # It lies where training has it, so that nothing is copied.
  where = sharding.parameter_shardings(
    start.params, models.make_mesh(*mesh), sharding.TRAINING_RULES
  )
  assert jax.tree.map(lambda leaf: leaf.sharding, start.params) == where


def test_one_step_is_that_of_torch(stepped, tmp_path):
  torch = pytest.importorskip("torch")
  transformers = pytest.importorskip("transformers")
  config, model, encoded, (state, metrics), _ = stepped
  models.save_model(model, tmp_path / "before")
  reference = transformers.AutoModelForCausalLM.from_pretrained(
    tmp_path / "before"
  )
  (batch,) = finetune_data.microbatches(encoded, len(encoded))
  tokens = torch.tensor(batch["tokens"]).long()
  learned = torch.tensor(batch["weights"]) > 0
  labels = torch.where(learned, tokens, -100)
  loss = reference(tokens, labels=labels).loss
  loss.backward()
  np.testing.assert_allclose(metrics["loss"], loss.item(), rtol=1e-5)
  torch.nn.utils.clip_grad_norm_(reference.parameters(), config.clip_norm)
  matrices = [p for p in reference.parameters() if p.ndim > 1]
  vectors = [p for p in reference.parameters() if p.ndim == 1]
  torch.optim.AdamW(
    [
      {"params": matrices, "weight_decay": config.weight_decay},
      {"params": vectors, "weight_decay": 0.0},
    ],
    lr=config.learning_rate / 2, betas=(0.9, 0.95), eps=1e-8,
  ).step()  # fmt: skip
  reference.save_pretrained(tmp_path / "after")
  TOKENIZER.save_pretrained(tmp_path / "after")
  after = models.load_model(tmp_path / "after").params
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4),
    after, jax.device_get(state["params"]),
  )  # fmt: skip
  moved = state["params"]["embedding"] - model.params["embedding"]
  assert np.abs(moved).max() > 1e-3


@pytest.mark.slow
def test_reward_model_learns_and_is_read_back(tmp_path):
  config = _config(start="random/llemma_7b", epochs=5, learning_rate=0.02)
  written = math_shepherd.finetune_reward(config, tmp_path)
  rows = _rows(tmp_path)
  assert rows[-1]["loss"] < np.log(2) - 0.05 < rows[0]["held_out_loss"] + 0.2
  table = np.asarray(written.params["unembedding"])
  assert (table == table[:1]).all() and np.abs(table).max() > 0
  reward = models.load_reward_model(tmp_path / "model", reward_format="llemma")
  np.testing.assert_allclose(
    reward.params["score"]["kernel"], table[0], rtol=1e-5
  )
  tokens = np.array([[5, 6, 7, 8, 9]], np.int32)
  hidden = reward.hidden(reward.params, tokens)
  logits = written.logits(written.params, tokens)
  np.testing.assert_allclose(
    reward.reward_logits(reward.params, hidden), logits.mean(-1), atol=1e-5
  )


def test_bad_configs_are_named():
  with pytest.raises(ValueError, match=r"microbatch_size is 6.*'data' of size"):
    finetune.make_mesh(_config(mesh={"data": 8, "model": 1}))
  with pytest.raises(ValueError, match="dtype is 'bf16'; expected one of"):
    finetune.load_start(_config(dtype="bf16"))
  with pytest.raises(ValueError, match=r"batch_size is 8.*microbatch_size, 3"):
    finetune_data.RowBatches([], 8, 3, 1, 0)
  with pytest.raises(ValueError, match=r"held_out is 8; expected 1 to 7"):
    finetune_data.hold_out(ROWS, 8, 0)
