"""`python -m tests.campaign`: one campaign with numbers of one's own; exit code 1 when it fails."""

from __future__ import annotations

import argparse
import sys

from tests.campaign.campaign import Campaign


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev campaign", description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--agents", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kill-every", type=float, default=5.0, metavar="SECONDS")
    parser.add_argument("--rate", type=float, default=1_000.0, help="messages a second at most")
    told = parser.parse_args()
    report = Campaign(
        told.messages, told.agents, seed=told.seed, kill_every_s=told.kill_every, rate=told.rate
    ).run()
    print(report)
    for what in ("lost", "twice", "without_receipt"):
        for line in getattr(report, what)[:10]:
            print(f"  {what}: {line}")
    return 0 if report.clean else 1


if __name__ == "__main__":
    sys.exit(main())
