"""`python -m reconciler.adapters.git.record DESCRIPTOR`: the recorder, for the one who began it."""

from __future__ import annotations

import sys

from reconciler.adapters.git.record.serving import serve

if __name__ == "__main__":
    serve(int(sys.argv[1]))
