"""tmux: the adapter behind `ports.Host`. Nothing else in the house speaks to tmux."""

from reconciler.adapters.tmux.host import Tmux

__all__ = ["Tmux"]
