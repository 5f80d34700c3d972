"""A rehearsal of agents: programs that look and behave like an agent's terminal, without a model.

It is told apart from the real thing by nobody who speaks to it through its pane, its hooks and its
files. It costs no tokens, runs no command, and imports nothing else of ours: it lives in panes, by
the hundred, and has to be light.
"""
