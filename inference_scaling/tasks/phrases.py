"""Words and sentence templates of the synthetic word problems.

In a template, {n} is a number, {things} what is counted, {name} whose things
they are, {friend} and {other} are further people, {others} further things.
"""

NAMES = (
  "Anna", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Henry",
  "Ivy", "Jack", "Kate", "Leo", "Maria", "Noah", "Olga", "Paul",
  "Rosa", "Sam", "Tina", "Victor",
)  # fmt: skip

THINGS = (
  "apples", "books", "buttons", "cards", "coins", "cookies", "eggs",
  "flowers", "marbles", "nuts", "pencils", "plums", "ribbons", "shells",
  "stamps", "stones", "tickets", "toys",
)  # fmt: skip

STARTS = (
  "{name} has {n} {things}.",
  "{name} starts with {n} {things}.",
  "There are {n} {things} in the box of {name}.",
  "In the morning {name} counts {n} {things}.",
)

CHANGES = {
  "+": (
    "{name} buys {n} more {things}.",
    "Then {name} finds {n} {things}.",
    "{friend} gives {name} {n} {things}.",
    "{name} gets {n} {things} from {friend}.",
    "Later {n} {things} are added.",
  ),
  "-": (
    "{name} loses {n} {things}.",
    "Then {name} gives {n} {things} to {friend}.",
    "{name} sells {n} {things}.",
    "{friend} takes {n} of the {things}.",
    "Later {n} {things} are used up.",
  ),
  "*": (
    "Then {name} trades them for {n} times as many {things}.",
    "Now the number of {things} grows to {n} times as many.",
    "{name} swaps each of the {things} for {n} new ones.",
  ),
  "/": (
    "{name} shares the {things} equally among {n} bags and keeps one bag.",
    "Then {name} makes {n} equal piles of {things} and keeps only one pile.",
    "The {things} are split evenly between {n} people and {name} is one.",
  ),
}

DISTRACTORS = (
  "{other} has {n} {others}.",
  "{friend} is {n} years old.",
  "There are also {n} {others} on the table.",
  "The walk to {friend} takes {n} minutes.",
  "{other} likes {others} and saw {n} of them.",
)

QUESTIONS = (
  "How many {things} does {name} have now?",
  "How many {things} are left for {name} in the end?",
  "What is the number of {things} that {name} has at the end?",
)
