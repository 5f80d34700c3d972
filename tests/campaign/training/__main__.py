"""`python -m tests.campaign.training`: one campaign; exit code 1 when it fails.

A hundred agents, a turn a second each, for ten minutes, unless told otherwise.
"""

from __future__ import annotations

import argparse
import sys

from tests.campaign.training.campaign import Campaign
from tests.campaign.training.oracle import FAULTS


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev training-campaign", description=__doc__)
    parser.add_argument("--agents", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kill-every", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--p99", type=float, default=0.0, metavar="MS", help="0: only told")
    told = parser.parse_args()
    campaign = Campaign(told.agents, told.seconds, seed=told.seed, kill_every_s=told.kill_every)
    report = campaign.run()
    print(report)
    print(f"  {campaign.left}")
    for what in FAULTS:
        for line in getattr(report, what)[:10]:
            print(f"  {what}: {line}")
    slow = told.p99 and report.quantile(0.99) * 1e3 > told.p99
    return 0 if report.clean and not slow else 1


if __name__ == "__main__":
    sys.exit(main())
