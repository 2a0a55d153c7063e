"""From records.jsonl to checked records in memory."""
