import itertools

import pytest

from inference_scaling import tasks
from inference_scaling.tasks.grading import (
  unit_words,
  units,
)

# What a unit must never be: all of these change a value or name another one.
NOT_UNITS = """
half halves third thirds quarter quarters fourth fourths fifth fifths sixth
sixths seventh sevenths eighth eighths ninth ninths tenth tenths hundredth
hundredths thousandth thousandths one ones two twos three zero zeros zeroes ten
tens eleven twelve twenty dozen dozens hundred hundreds thousand thousands
million millions billion billions trillion pair pairs couple couples score
scores gross percent percents percentage fold double triple twice once squared
cubed square cubic squares cubes root roots power powers exponent factorial
times over under below above minus plus negative positive less than or and not
no to
from mod modulo base log logs ln sin cos tan pi infinity is are does if
then first fourth st nd rd th am pm ago i e x y n
""".split()


@pytest.mark.parametrize("word", NOT_UNITS)
def test_numbers_and_operators_are_no_units(word):
  assert not units.is_unit(word) and not units.is_unit(word.capitalize())
  for symbols in (False, True):
    assert not units.is_unit(word, symbols)


def test_lists_are_words_in_lower_case_each_in_one_list():
  lists = (
    unit_words.COUNT_NOUNS, unit_words.QUALIFIERS, unit_words.SYMBOLS
  )  # fmt: skip
  for words in lists:
    assert words
  for first, second in itertools.combinations(lists, 2):
    assert not first & second
  assert all(word.islower() for word in lists[0] | lists[1])
  assert not (unit_words.MEASURES | lists[0]) & units.VALUE_WORDS


@pytest.mark.parametrize(
  "text",
  [
    "42 apples", "42 apple", "42 miles per hour", "42 square inches",
    "42 sq. ft", "42 gallons of water",
    "42 cm^2", "42 cm²", "42cm", "42 km/h", "42 m/s", "42 years old", "42 in",
    "42 in total", "42 dollars", "$42", "£42", "42€", "42 more apples",
    "42 cups of flour", "42 feet tall", "42 degrees Celsius", "42 people",
    "42 boxes", "42 berries", "42 red marbles", "42 units", "42 cubic feet",
    "x = 42 cm", r"42\text{ cm}", r"42\,\mathrm{cm}^2", r"42 \text{m}/\text{s}",
    r"42\ \text{square units}", r"42 \mbox{ inches}^2", r"42\text{ m}",
    r"42\,\mathrm{m/s^2}", r"42\textbf{ apples}", r"42^\circ\text{C}",
    r"42^\circ", "42°C", r"42\text{ miles per hour}", r"42~\text{kg}",
    r"42\,\text{m}\cdot\text{s}^{-1}", r"42 \text{ dollars}", "42 USD",
    r"42\text{ divisors}", r"42\text{ positive factors}", "42 real solutions",
    r"42\text{ units squared}", "42 cm squared", "42 feet cubed", "42¢",
  ],
)  # fmt: skip
def test_units_are_dropped(text):
  assert tasks.canonical(text) == "42"


@pytest.mark.parametrize(
  ("text", "value"),
  [
    (r"\frac{1}{2} cup", r"\frac{1}{2}"),
    ("1/2 cups", r"\frac{1}{2}"),
    (r"2\sqrt{3} units", r"2\sqrt{3}"),
    (r"12\pi\text{ square inches}", r"12\pi"),
    ("3 million dollars", "3 million"),
    ("3 dozen eggs", "3 dozen"),
    (r"3\text{ million}", "3 million"),
    ("28 percent", "28%"),
    (r"28\text{ percent}", "28%"),
    ("28 per cent", "28%"),
    (r"28\%", "28%"),
  ],
)
def test_the_value_stays_whole(text, value):
  assert tasks.canonical(text) == value


@pytest.mark.parametrize(
  "text",
  [
    *[f"42 {word}" for word in NOT_UNITS if word != "percent"],
    *[rf"42\text{{ {word}}}" for word in NOT_UNITS if word != "percent"],
    "42m", "42 m", "42 x", "42 apples and 3 oranges", "42 degrees below zero",
    "42 apples or more", "42 years ago", "42 more", "42 left", "42 of them",
    "42 more than x", "42 per", "42 apples fewer than 50", "42 to 50 apples",
    "42 apples times", "42 out of many", "42 widgetoids", "apples 42",
    r"42\mathrm{i}", r"42\text{i}", r"42\mathrm{e}", r"42\mathrm{x}",
    r"42\text{ if even}", r"42\text{ cm or more}", r"\text{no}\text{ apples}",
    "4 2 apples", "42 hours 5 minutes", "42 apples squared",
      "42 digits cubed", "42 prime", "42 positive", "42 roots of 2",
  ],
)  # fmt: skip
def test_other_words_stay_and_make_it_no_number(text):
  assert tasks.canonical(text) != "42"
  assert not tasks.grade("42", text)
