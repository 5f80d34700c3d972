"""Runs judged: candidates, gates, verdicts, and the branches that they come into."""
