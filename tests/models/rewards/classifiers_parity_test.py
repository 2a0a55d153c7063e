"""Classifiers of texts and of tokens against the classes of transformers.

Texts are built and scores read as the originals' code does it; see the
references in models/reward_formats.
"""

import json

import jax
import numpy as np
import pytest

from inference_scaling import models
from tests.models import families, tokenizers_of

torch = pytest.importorskip("torch", reason="parity is with torch models")
transformers = pytest.importorskip("transformers")
safetensors_torch = pytest.importorskip("safetensors.torch")
reference = pytest.importorskip("tests.models.reference")

QUESTION = "How many clips did Natalia sell in May? (48 / 2)"
SOLUTIONS = (
  "Step 1: 48 / 2 = 24.\n\nSo 48 + 24 = 72 é 一.\n\nThe answer is: 72",
  "The answer is: 3",
  "May",
)
# Of published outcome models; the others are read in the same way.
_BODIES = ("gemma2", "llama", "mistral", "qwen2", "qwen3")
STEPS = SOLUTIONS[0].split("\n\n")


def _tokenizer(kind):
  """A tokenizer as the family's chat models have."""
  if kind == "mistral":
    return tokenizers_of.mistral_chat()
  return tokenizers_of.byte_level("qwen" if "qwen" in kind else "llama")


def _save(folder, name, auto_class, tokenizer, **more):
  """Writes a random model of a family as transformers does; returns it."""
  raw = families.RAW[name] | {
    "vocab_size": len(tokenizer) + 3, "attn_implementation": "eager", **more,
  }  # fmt: skip
  longest = 512
  # Longer texts than the latter are other texts to a Phi-3.
  for key in ("max_position_embeddings", "original_max_position_embeddings"):
    raw |= {key: longest} if key in raw else {}
    longest = 256
  config = transformers.AutoConfig.for_model(
    **{key: value for key, value in raw.items() if key != "architectures"}
  )
  torch.manual_seed(5)
  model = reference.shake(auto_class.from_config(config).eval())
  model.save_pretrained(folder)
  tokenizer.save_pretrained(folder)
  return model


def _scores(model, question, texts):
  """Our logits and rewards of solutions, each after its last step."""
  reward_format = model.reward_format
  rows = [reward_format.encode_whole(question, steps) for steps in texts]
  tokens = np.zeros((len(rows), max(map(len, rows))), np.int32)
  for row, text in enumerate(rows):
    tokens[row, : len(text)] = text
  states = jax.jit(model.encode_all)(model.params, tokens, tokens > -1)
  at = (np.arange(len(rows)), [len(row) - 1 for row in rows])
  last = jax.tree.map(lambda leaf: leaf[at], states)
  return (
    np.asarray(model.reward_logits(model.params, last)),
    np.asarray(model.rewards(model.params, last)),
  )


def _chats(tokenizer):
  """The tokens of whole chats, as the originals encode them."""
  return [
    tokenizer.apply_chat_template(
      [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": solution},
      ],
      return_dict=False,
    )
    for solution in SOLUTIONS
  ]


@pytest.mark.parametrize(
  ("name", "pad"),
  [
    ("llama", True),
    *((name, False) for name in _BODIES),
    *(
      pytest.param(name, False, marks=pytest.mark.slow)
      for name in sorted(set(families.RAW) - set(_BODIES))
    ),
  ],
)
def test_an_outcome_model_scores_as_a_sequence_classifier(name, pad, tmp_path):
  """Where the end of a turn is padding, too, transformers reads before it."""
  tokenizer = _tokenizer(families.RAW[name]["model_type"])
  pad_token = tokenizer.eos_token_id if pad else None
  hugging_face = _save(
    tmp_path, name, transformers.AutoModelForSequenceClassification, tokenizer,
    num_labels=1, pad_token_id=pad_token,
  )  # fmt: skip
  model = models.load_reward_model(tmp_path, reward_format="outcome_chat")
  expected = [
    float(hugging_face(torch.tensor([ids])).logits[0, 0])
    for ids in _chats(tokenizer)
  ]
  logits, rewards = _scores(model, QUESTION, [[text] for text in SOLUTIONS])
  assert np.std(expected) > 1e-3
  np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-4)
  np.testing.assert_allclose(rewards, np.log1p(np.exp(expected)), atol=1e-4)


def test_eurus_scores_at_the_last_token_of_its_text(tmp_path):
  """Its own class is a MistralModel and a linear map without bias."""
  tokenizer = tokenizers_of.sentence_piece()
  body = _save(
    tmp_path, "mistral", transformers.AutoModelForCausalLM, tokenizer
  )
  head = reference.shake(torch.nn.Linear(32, 1, bias=False))
  file = tmp_path / "model.safetensors"
  tensors = safetensors_torch.load_file(file)
  del tensors["lm_head.weight"]
  tensors["regression_head.weight"] = head.weight
  safetensors_torch.save_file(tensors, file)
  _name(tmp_path, "EurusRewardModel")
  model = models.load_reward_model(tmp_path, reward_format="eurus_rm")
  expected = []
  for solution in SOLUTIONS:
    inputs = tokenizer(
      f"[INST] {QUESTION} [/INST] {solution}", return_tensors="pt"
    )
    hidden = body.model(inputs["input_ids"])[0]
    expected.append(float(head(hidden).squeeze(-1)[0, -1]))
  logits, _ = _scores(model, QUESTION, [[text] for text in SOLUTIONS])
  assert np.std(expected) > 1e-3
  np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-4)


def _write_head(folder, size=32):
  """The file that the small ReasonFlux model has beside a language model."""
  head = reference.shake(torch.nn.Linear(size, 1))
  torch.save(head.state_dict(), folder / "reward_head.pt")
  return head


@pytest.mark.parametrize("tied", [True, False])
def test_the_small_reasonflux_scores_by_a_head_in_its_own_file(tied, tmp_path):
  tokenizer = _tokenizer("qwen2")
  body = _save(
    tmp_path, "qwen2", transformers.AutoModelForCausalLM, tokenizer,
    tie_word_embeddings=tied,
  )  # fmt: skip
  head = _write_head(tmp_path)
  files = models.open_checkpoint(tmp_path).files()
  assert tmp_path / "reward_head.pt" in files
  model = models.load_reward_model(tmp_path, reward_format="reasonflux_1_5b")
  expected = []
  for solution in SOLUTIONS:
    encoded = tokenizer(QUESTION + solution, return_tensors="pt")
    out = body.model(encoded["input_ids"], output_hidden_states=True)
    hidden = out.hidden_states[-1][0, int(encoded["attention_mask"].sum()) - 1]
    expected.append(float(head(hidden)))
  logits, rewards = _scores(model, QUESTION, [[text] for text in SOLUTIONS])
  assert np.std(expected) > 1e-3
  np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-4)
  probabilities = torch.sigmoid(torch.tensor(expected))
  np.testing.assert_allclose(rewards, probabilities, rtol=0, atol=1e-4)


def test_a_head_in_its_own_file_must_be_there_and_fit(tmp_path):
  auto_class = transformers.AutoModelForCausalLM
  _save(tmp_path, "qwen2", auto_class, _tokenizer("qwen2"))
  file = tmp_path / "reward_head.pt"
  with pytest.raises(FileNotFoundError, match=rf"{file} does not.*Copy it"):
    models.load_reward_model(tmp_path, reward_format="reasonflux_1_5b")
  _write_head(tmp_path, size=24)
  message = r"weight is \(1, 24\), expected \(1, 32\)"
  with pytest.raises(ValueError, match=rf"{file}[\s\S]*misshapen: {message}"):
    models.load_reward_model(tmp_path, reward_format="reasonflux_1_5b")


@pytest.mark.parametrize("name", ["qwen2", "llama"])
def test_pure_scores_as_a_token_classifier(name, tmp_path):
  tokenizer = tokenizers_of.without_begin(_tokenizer(name))
  hugging_face = _save(
    tmp_path, name, transformers.AutoModelForTokenClassification, tokenizer,
    num_labels=2,
  )  # fmt: skip
  model = models.load_reward_model(tmp_path, reward_format="pure")

  def encode(text):
    return tokenizer(text, add_special_tokens=False)["input_ids"]

  ids, at = encode(QUESTION), []
  for step in STEPS:
    ids = ids + encode(step) + encode("\n")
    at.append(len(ids) - 1)
  probabilities = hugging_face(torch.tensor([ids])).logits[0, at].softmax(-1)
  theirs = (probabilities[:, 1] - probabilities[:, 0]).numpy()
  _, rewards = _scores(
    model, QUESTION, [STEPS[: i + 1] for i in range(len(STEPS))]
  )
  assert np.std(theirs) > 1e-3
  np.testing.assert_allclose(2 * rewards - 1, theirs, rtol=0, atol=1e-4)


def _name(folder, architecture):
  raw = json.loads((folder / "config.json").read_text())
  raw["architectures"] = [architecture]
  (folder / "config.json").write_text(json.dumps(raw))


@pytest.mark.parametrize(
  ("auto_class", "more", "reward_format", "message"),
  [
    ("SequenceClassification", {"num_labels": 2}, "outcome_chat",
     r"misshapen: score.weight is \(2, 32\), expected \(1, 32\)"),
    ("TokenClassification", {"num_labels": 3}, "pure",
     r"score.bias is \(3,\), expected \(2,\)"),
    ("TokenClassification", {"num_labels": 2}, "outcome_chat",
     r"architectures is \['Qwen2ForTokenClassification'\]; expected one of "
     ".*Llama.*Qwen2ForSequenceClassification"),
    ("SequenceClassification", {"num_labels": 1}, "pure",
     r"architectures is \['Qwen2ForSequenceClassification'\]; expected one of"),
    ("CausalLM", {}, "reasonflux",
     r"architectures is \['Qwen2ForCausalLM'\]; expected one of "
     "Qwen2ForProcessRewardModel"),
    ("CausalLM", {}, "eurus_rm", "expected one of EurusRewardModel"),
  ],
)  # fmt: skip
def test_another_head_is_refused_before_any_weight_is_read(
  auto_class, more, reward_format, message, tmp_path
):
  auto_class = getattr(transformers, f"AutoModelFor{auto_class}")
  _save(tmp_path, "qwen2", auto_class, _tokenizer("qwen2"), **more)
  with pytest.raises(ValueError, match=rf"{tmp_path}[^:]*:[\s\S]*{message}"):
    models.load_reward_model(tmp_path, reward_format=reward_format)
