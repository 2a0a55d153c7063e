"""Published reward models against the same in torch, head by head.

The heads and the places where rewards are read are written here as the
originals' code has them; see the references in models/reward_formats.
"""

import json

import jax
import numpy as np
import pytest

from inference_scaling import models, names
from tests.models import external_models, tokenizers_of

torch = pytest.importorskip("torch", reason="parity is with torch models")
transformers = pytest.importorskip("transformers")
safetensors_torch = pytest.importorskip("safetensors.torch")
reference = pytest.importorskip("tests.models.reference")
nn = torch.nn

QUESTION = "How many clips did Natalia sell in May? (48 / 2)"
STEPS = ("Step 1: 48 / 2 = 24.", "So 48 + 24 = 72 é 一.", "The answer is: 72")
TAGGED = (
  f"{QUESTION} Step 1: 48 / 2 = 24. ки\nStep 2: So 48 + 24 = 72 é 一. ки\n"
  "Step 3: The answer is: 72 ки"
)
_TAGGED_CHATS = ("qwen_prm", "reasonflux")
CLASSES = {
  "llama": "LlamaForCausalLM",
  "mistral": "MistralForCausalLM",
  "qwen2": "Qwen2ForCausalLM",
}


def _torch_model(name):
  """A random language model of transformers."""
  config = external_models.config(name)
  rope = {"rope_type": "default", "rope_theta": config.rope_theta}
  more = {}
  if config.rope_scaling:
    rope = {
      "rope_type": "llama3", "rope_theta": config.rope_theta, "factor": 3.0,
      "low_freq_factor": 1.0, "high_freq_factor": 4.0,
      "original_max_position_embeddings": 32,
    }  # fmt: skip
  if config.family != "qwen2":
    more["head_dim"] = config.head_dim
  if config.sliding_window:
    more["sliding_window"] = config.sliding_window
  model_class = getattr(transformers, CLASSES[config.family])
  settings = model_class.config_class(
    vocab_size=config.vocab_size, hidden_size=config.hidden_size,
    intermediate_size=config.intermediate_size,
    num_hidden_layers=config.num_layers, num_attention_heads=config.num_heads,
    num_key_value_heads=config.num_kv_heads, rms_norm_eps=config.norm_eps,
    rope_parameters=rope, tie_word_embeddings=config.tie_word_embeddings,
    max_position_embeddings=config.max_position_embeddings,
    attn_implementation="eager", **more,
  )  # fmt: skip
  torch.manual_seed(3)
  return reference.shake(model_class(settings).eval())


def _head(name, size):
  """The head that a family has beside its language model, as it names it."""
  if name == "skywork":
    return {"v_head.summary": reference.shake(nn.Linear(size, 1))}
  if name in _TAGGED_CHATS:
    layers = nn.Sequential(nn.Linear(size, size), nn.ReLU(), nn.Linear(size, 2))
    return {"score": reference.shake(layers)}
  return {}


def _save(model, head, name, folder):
  """Writes the checkpoint as the family publishes it."""
  tokenizers_of.for_format(name).save_pretrained(folder)
  model.save_pretrained(folder)
  if not head:
    return
  tensors = safetensors_torch.load_file(folder / "model.safetensors")
  if name in _TAGGED_CHATS:
    # Published files keep an unembedding; those of smaller models do not.
    assert "lm_head.weight" in tensors
  for prefix, module in head.items():
    for key, value in module.state_dict().items():
      tensors[f"{prefix}.{key}"] = value.contiguous()
  safetensors_torch.save_file(tensors, folder / "model.safetensors")
  raw = json.loads((folder / "config.json").read_text())
  raw["architectures"] = list(models.reward_architectures(name))
  (folder / "config.json").write_text(json.dumps(raw))


def _their_rewards(name, model, head):
  """The rewards of all steps, as the original code finds them."""
  tokenizer = tokenizers_of.for_format(name)
  if name == "rlhflow":
    return _conversation_rewards(model, tokenizer)
  ids, at = {
    "llemma": _tagged, "math_shepherd": _tagged, "skywork": _lines,
    "qwen_prm": _chat, "reasonflux": _chat,
  }[name](tokenizer, name)  # fmt: skip
  out = model(torch.tensor([ids]), output_hidden_states=True)
  logits, hidden = out.logits[0], out.hidden_states[-1][0]
  if name == "llemma":
    rewards = torch.sigmoid(logits.mean(dim=-1))
  elif name == "math_shepherd":
    candidates = tokenizer.encode("+ -")[1:]
    rewards = logits[:, candidates].softmax(dim=-1)[:, 0]
  elif name == "skywork":
    rewards = torch.sigmoid(head["v_head.summary"](hidden)[:, 0])
  else:
    rewards = head["score"](hidden).softmax(dim=-1)[:, 1]
  return rewards[at].tolist()


def _tagged(tokenizer, name):
  ids = tokenizer.encode(TAGGED, add_special_tokens=name == "math_shepherd")
  tag = tokenizer.encode("a ки")[-1]
  return ids, [i for i, token in enumerate(ids) if token == tag]


def _lines(tokenizer, name):
  ids, at = tokenizer.encode(tokenizer.bos_token + QUESTION + "\n"), []
  for step in STEPS:
    ids += [*tokenizer.encode(step), tokenizer.encode("\n")[-1]]
    at.append(len(ids) - 1)
  return ids, at


def _chat(tokenizer, name):
  system = (
    r"Please reason step by step, and put your final answer within \boxed{}."
  )
  turns = [{"role": "system", "content": system}] if name == "qwen_prm" else []
  messages = [
    *turns,
    {"role": "user", "content": QUESTION},
    {"role": "assistant", "content": "<extra_0>".join(STEPS) + "<extra_0>"},
  ]
  ids = tokenizer.encode(
    tokenizer.apply_chat_template(messages, tokenize=False)
  )
  tag = tokenizer.encode("<extra_0>")[0]
  return ids, [i for i, token in enumerate(ids) if token == tag]


def _conversation_rewards(model, tokenizer):
  candidates = [tokenizer.encode(sign)[-1] for sign in "+-"]
  conversation, rewards = [], []
  for index, step in enumerate(STEPS):
    text = f"{QUESTION} {step}" if index == 0 else step
    conversation.append({"role": "user", "content": text})
    conversation.append({"role": "assistant", "content": "+"})
    ids = tokenizer.apply_chat_template(conversation, return_dict=False)
    logits = model(torch.tensor([ids])).logits[0, -3, candidates]
    rewards.append(float(logits.softmax(dim=-1)[0]))
  return rewards


def _our_rewards(model):
  reward_format = model.reward_format
  tokens = reward_format.encode_prompt(QUESTION)
  at = []
  for index, step in enumerate(STEPS):
    tokens = tokens + reward_format.encode_step(index, step)
    at.append(len(tokens) - 1)
  row = np.array([tokens])
  rewards = jax.jit(model.token_rewards)(model.params, row, row > -1)
  return np.array(rewards)[0, at]


@pytest.mark.parametrize(
  "name",
  sorted(
    # Of these see rewards/classifiers_parity_test.py.
    {*external_models.REWARD_FORMATS} - {"pure", *names.OUTCOME_FORMATS}
  ),
)
def test_rewards_agree(name, tmp_path):
  hugging_face = _torch_model(name)
  head = _head(name, hugging_face.config.hidden_size)
  _save(hugging_face, head, name, tmp_path)
  actual = models.load_reward_model(tmp_path, reward_format=name)
  assert "unembedding" not in actual.params["decoder"]
  expected = _their_rewards(name, hugging_face, head)
  assert len(expected) == len(STEPS)
  assert np.std(expected) > 1e-3
  np.testing.assert_allclose(_our_rewards(actual), expected, rtol=0, atol=1e-4)
