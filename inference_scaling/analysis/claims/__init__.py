"""The paper's claims: what each says, in numbers and in a verdict."""
