"""The same stories against real tmux, git and a real store, with `kill -9` at any instant.

The truth is not asked of anybody under test: every agent writes down its own process when it
starts, and whether that process still lives is asked of the kernel.
"""
