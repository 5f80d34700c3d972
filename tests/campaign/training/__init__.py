"""A hundred agents in training: each turn of theirs is a signed commit, once, where it belongs."""
