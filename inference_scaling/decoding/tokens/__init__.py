"""Tokens of a step: drawn, written, watched for the step's end."""
