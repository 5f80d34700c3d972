"""Whether a nudge from a forge is signed by who knows the secret, and whether it comes too often.

The signature is that of the field: HMAC-SHA256 over the body, in hex, behind `sha256=`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

SECRET_MIN = 16
"""A shorter secret can be guessed from one signed body."""
BURST, REFILL_S = 20, 0.5
"""So many nudges at once are listened to, and one more each half second."""
_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})\Z", re.ASCII)


def is_signature(header: str) -> bool:
    """Whether a header has the shape of a signature at all."""
    return _SIGNATURE.match(header) is not None


def signed(secret: bytes, body: bytes, header: str) -> bool:
    """Whether `header` signs `body`; without a secret nothing does. Takes the same time for each
    wrong one."""
    found = _SIGNATURE.match(header)
    if found is None or not secret:
        return False
    wanted = hmac.new(secret, body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, found[1])


@dataclass(frozen=True, slots=True)
class Patience:
    """How many more nudges are listened to, as of an hour (any clock that goes on)."""

    left: float = BURST
    at: float = 0.0

    def spent(self, now: float) -> Patience | None:
        """Return what is left after one more; None: it is one too many."""
        left = min(float(BURST), self.left + max(0.0, now - self.at) / REFILL_S)
        return Patience(left - 1, now) if left >= 1 else None
