"""`./dev simulate`: tell every story with every fault, or one of them again.

--workload NAME       only this story
--fault FAULT@N       one telling with this fault at boundary N, and its trace (repeatable)
--seed N              a story and faults that nobody wrote, drawn by N; with --rounds, so many
-n N                  so many processes (2)
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from tests.simulator import chance
from tests.simulator.campaign import (
    Failure,
    Strike,
    every_crash,
    failures,
    judged,
    reference,
    sampled,
)
from tests.simulator.workloads import WORKLOADS

SHOWN_MAX = 5
"""So many failures are printed; the shortest first."""


def tell(name: str, seed: int, count: int) -> tuple[str, int, float, list[Failure]]:
    """Tell one story with every fault; return how often, how long it took, what went wrong."""
    began = time.monotonic()
    told, found = failures(name, [*every_crash(name), *sampled(name, seed, count)])
    return name, told, time.monotonic() - began, found


def everything(names: list[str], seed: int, count: int, jobs: int) -> Iterator[Failure]:
    """Tell stories in several processes, the long ones first, and print a line for each."""
    names, tellings = sorted(names, key=lambda name: -len(reference(name).boundaries)), 0
    with ProcessPoolExecutor(jobs) as pool:
        runs = [pool.submit(tell, name, seed, count) for name in names]
        for run in runs:
            name, told, took_s, found = run.result()
            tellings += told
            print(f"{told:6d} lives  {took_s:6.1f} s  {len(found):4d} wrong  {name}", flush=True)
            yield from found
    print(f"{tellings} lives in {len(names)} stories")


def drawn(seed: int, rounds: int) -> Iterator[Failure]:
    """Tell stories that nobody wrote."""
    for number in range(seed, seed + rounds):
        failure = chance.judged(number)
        if failure is not None:
            yield failure
    print(f"{rounds} lives that nobody wrote, from seed {seed}")


def main() -> int:
    """Return 1 when anything went wrong."""
    parser = argparse.ArgumentParser(
        prog="./dev simulate", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--workload", choices=WORKLOADS, metavar="NAME", action="append")
    parser.add_argument("--fault", type=Strike.parse, action="append", metavar="FAULT@N")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--sample", type=int, default=10_000, help="boundaries of each other fault")
    parser.add_argument("-n", type=int, default=2, metavar="N", help="processes")
    args = parser.parse_args()
    names = args.workload or list(WORKLOADS)
    if args.fault:
        failure = judged(names[0], tuple(args.fault))
        found = [failure] if failure is not None else []
    elif args.seed is not None and not args.workload:
        found = list(drawn(args.seed, args.rounds))
    else:
        found = list(everything(names, args.seed or 0, args.sample, args.n))
    for failure in sorted(found, key=lambda failure: len(failure.story))[:SHOWN_MAX]:
        print(f"\n{failure}")
    print(f"\n{len(found)} went wrong" if found else "all went well")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
