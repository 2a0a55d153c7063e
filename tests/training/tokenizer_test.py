"""The family's tokenizer: nothing is lost, nothing is unknown."""

import string

import pytest
import transformers

from inference_scaling.tasks import phrases, prompts, synthetic
from inference_scaling.training import tokenizer as tokenizer_lib


@pytest.fixture(scope="module")
def tokenizer():
  return tokenizer_lib.build_tokenizer()


@pytest.fixture(scope="module")
def problems():
  return [
    problem
    for split in synthetic.SPLITS
    for problem in synthetic.generate(split, 90, seed=8)
  ]


def _encode(tokenizer, text):
  return tokenizer(text, add_special_tokens=False)["input_ids"]


def test_benchmark_is_read_without_loss(tokenizer, problems):
  for problem in problems:
    text = prompts.step_prompt(problem.question) + problem.solution
    tokens = _encode(tokenizer, text)
    assert tokenizer.unk_token_id not in tokens
    assert tokenizer.decode(tokens) == text


def test_pieces_of_a_text_are_pieces_of_its_tokens(tokenizer, problems):
  # The engine reads prompt and steps one after the other; the policy learned
  # them together. Both must see the same tokens.
  for problem in problems:
    prompt = prompts.step_prompt(problem.question)
    parts = [prompt, problem.steps[0]]
    parts += ["\n" + step for step in problem.steps[1:]]
    joined = [token for part in parts for token in _encode(tokenizer, part)]
    assert joined == _encode(tokenizer, prompt + problem.solution)


def test_words_are_whole(tokenizer):
  for word in (*phrases.NAMES, *phrases.THINGS, synthetic.STEP_TAG):
    assert len(_encode(tokenizer, " " + word)) == 1, word
  assert len(_encode(tokenizer, "Step 1: 24 + 7 = 31 eggs. ки")) == 13


def test_digits_are_single(tokenizer):
  tokens = _encode(tokenizer, "1234567890")
  assert tokenizer.convert_ids_to_tokens(tokens) == list("1234567890")


def test_prompts_begin_with_the_mark(tokenizer):
  tokens = tokenizer("Anna has 3 apples.")["input_ids"]
  assert tokens[0] == tokenizer.bos_token_id
  assert tokens[1:] == _encode(tokenizer, "Anna has 3 apples.")


@pytest.mark.parametrize(
  "text",
  [
    string.digits + string.ascii_letters + string.punctuation,
    "Zoë".replace("ë", "e") + " owns 12.5% of {x}; why?",
    "  two  spaces and\na line\n",
    "xylophone",
  ],
)
def test_any_ascii_text_is_read_without_loss(tokenizer, text):
  tokens = _encode(tokenizer, text)
  assert tokenizer.unk_token_id not in tokens
  assert tokenizer.decode(tokens) == text


def test_other_characters_are_unknown_and_no_error(tokenizer):
  tokens = _encode(tokenizer, "Zoë has 3 eggs.")
  assert tokens.count(tokenizer.unk_token_id) == 1
  assert tokenizer.decode(tokens[-4:]) == " has 3 eggs."


def test_embedding_stays_small(tokenizer):
  assert len(tokenizer) < 320
  assert len(set(tokenizer.get_vocab().values())) == len(tokenizer)


def test_special_tokens(tokenizer):
  assert tokenizer.convert_ids_to_tokens([0, 1, 2, 3]) == [
    "<pad>", "<s>", "</s>", "<unk>",
  ]  # fmt: skip
  assert (tokenizer.pad_token_id, tokenizer.eos_token_id) == (0, 2)


def test_it_is_always_the_same(tokenizer, tmp_path):
  again = tokenizer_lib.build_tokenizer()
  assert again.backend_tokenizer.to_str() == (
    tokenizer.backend_tokenizer.to_str()
  )
  tokenizer.save_pretrained(tmp_path)
  loaded = transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path)
  text = "Anna has 47 apples.\nStep 1: 47 - 5 = 42 apples. ки"
  assert loaded(text)["input_ids"] == tokenizer(text)["input_ids"]
  assert loaded.decode(_encode(loaded, text)) == text
