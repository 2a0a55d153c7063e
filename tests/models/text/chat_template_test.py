"""Chats are written in one way, whatever a template does."""

import datetime

import pytest

from inference_scaling.models.text import chat_template
from tests.tasks import chat_templates

DAY = datetime.date(2024, 7, 4)
TURNS = [{"role": "user", "content": "How many?"}]


def _render(template, date=DAY, **options):
  tokenizer = chat_templates.make_tokenizer(template)
  return chat_template.render(tokenizer, TURNS, date, **options)


# As the templates of Llama 3.2, SmolLM3, Mistral Small and gpt-oss print it.
LLAMA_3_2 = (
  "{%- if not date_string is defined %}{%- if strftime_now is defined %}"
  '{%- set date_string = strftime_now("%d %b %Y") %}{%- else %}'
  '{%- set date_string = "26 Jul 2024" %}{%- endif %}{%- endif %}'
  "Today Date: {{ date_string }}\n{{ messages[0].content }}"
)
DATED = [
  (LLAMA_3_2, "Today Date: 04 Jul 2024\nHow many?"),
  ("{{ strftime_now('%d %B %Y') }} {{ messages[0].content }}", "04 July 2024"),
  ('{% set today = strftime_now("%Y-%m-%d") %}{{ today }}.', "2024-07-04."),
  (
    "{% macro head() %}On {{ strftime_now('%A') }}{% endmacro %}{{ head() }}",
    "On Thursday",
  ),
  (
    "{{ strftime_now('%-d/%-m/%y %H:%M:%S %%d %j') }}",
    "4/7/24 00:00:00 %d 186",
  ),
  ("{{ strftime_now('  a%db ').split('a')[1] }}", "04b "),
  ("{{ strftime_now('no date') }}", "no date"),
  ("{{ strftime_now('') }}x", "x"),
  ("{{ strftime_now('%d %') }}", "04 %"),
  ("{{ strftime_now('%_d %^a %0d') }}", " 4 THU 04"),
  ("\n  {{ strftime_now('%d') }}\n{% if true %}\n b{% endif %}", "\n  04\n b"),
]  # fmt: skip


@pytest.mark.parametrize(("template", "text"), DATED)
def test_the_date_is_the_one_that_is_passed(template, text):
  assert _render(template).startswith(text)
  other = datetime.date(1999, 12, 31)
  assert (_render(template, other) != _render(template)) == any(
    letter.isdigit() or "day" in text for letter in text
  )


@pytest.mark.parametrize(("template", "text"), DATED)
def test_dates_are_written_as_transformers_writes_them(template, text):
  """On the day of the test, with letters that do not tell the hour."""
  tokenizer = chat_templates.make_tokenizer(template.replace("%H:%M:%S", ""))
  before = datetime.date.today()
  reference = tokenizer.apply_chat_template(TURNS, tokenize=False)
  days = {before, datetime.date.today()}  # the test may run at midnight
  actual = {chat_template.render(tokenizer, TURNS, day) for day in days}
  assert reference in actual


@pytest.mark.parametrize(("template", "text"), DATED[:4])
def test_a_template_that_prints_the_date_wants_one(template, text):
  with pytest.raises(ValueError, match=r"models/tiny.*no date was passed"):
    _render(template, None)


def test_a_template_without_a_date_wants_none():
  unused = "{% if false %}{{ strftime_now('%d') }}{% endif %}"
  for template in (chat_templates.LLAMA_3, chat_templates.QWEN_2_5, unused):
    template += "{{ messages[0].content }}"
    tokenizer = chat_templates.make_tokenizer(template)
    expected = tokenizer.apply_chat_template(
      TURNS, tokenize=False, add_generation_prompt=True
    )
    for date in (None, DAY):
      assert _render(template, date, reply=True) == expected


@pytest.mark.parametrize(
  ("template", "reason"),
  [
    ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
    ("{{ raise_exception('') }}", "no reason given"),
    ("{% if %}", "TemplateSyntaxError"),
    ("{{ messages | nothing }}", "nothing"),
    ("{{ messages[0].tools.name }}", "UndefinedError"),
    ("{{ nothing() }}", "'nothing' is undefined"),
    ("{{ {}['key'].name }}", "UndefinedError"),
    ("{{ messages + 1 }}", "TypeError"),
    ("{{ 'a' + 1 }}", "TypeError"),
    ("{{ 1 / 0 }}", "ZeroDivisionError"),
    ("{{ 'a'.index('b') }}", "ValueError"),
    ("{{ [].pop() }}", "SecurityError"),
    ("{{ '{a}'.format() }}", "KeyError"),
    ("{{ '%d' % 'a' }}", "TypeError"),
    ("{% include 'other' %}", "TypeError"),
    ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "RecursionError"),
    ("{{ ''.__class__.__mro__ }}", "SecurityError"),
  ],
)
def test_a_template_that_fails_names_the_tokenizer_and_why(template, reason):
  with pytest.raises(ValueError) as caught:
    _render(template)
  message = str(caught.value)
  assert "chat template of the tokenizer models/tiny refuses" in message
  assert "turns of user: " in message and reason in message
  assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
  "template", [" ", "\n\n", "{# nothing #}", "{% if false %}a{% endif %}\t"]
)
def test_a_template_that_writes_nothing_is_named(template):
  with pytest.raises(ValueError, match="models/tiny writes nothing for"):
    _render(template)


def test_one_of_several_templates_is_the_default():
  tokenizer = chat_templates.make_tokenizer()
  tokenizer.chat_template = {"default": "{{ strftime_now('%Y') }}", "x": "x"}
  assert chat_template.render(tokenizer, TURNS, DAY) == "2024"
  tokenizer.chat_template = {"x": "x"}
  with pytest.raises(ValueError, match="models/tiny refuses"):
    chat_template.render(tokenizer, TURNS, DAY)
