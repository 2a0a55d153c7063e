"""Multiple choice: the answer is the letter of an option."""
