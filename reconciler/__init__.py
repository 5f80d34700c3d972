"""novaorch: the tmux sessions you commit are the tmux sessions you have."""

__version__ = "0.1.0"
