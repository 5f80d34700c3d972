"""The real loop in a pretended world, struck by every misfortune at every moment.

A **workload** is a small story: a wish that is true, then commits, people and falls, each at its
second. A **boundary** is one crossing between the controller and the outside: a call of a port, or
a single step of `Host.perform`. A run without faults counts the boundaries; then the story is told
again and again, each time with one **fault** at one boundary, and the **oracles** look at the end.
All of it follows from a seed, or from nothing: the same run twice is the same run.

    ./dev simulate                                   everything
    ./dev simulate --workload "add one"              one story
    ./dev simulate --workload "add one" --fault crash-after@17     one run, with its trace
    ./dev simulate --seed 4711                       a story and faults that nobody wrote

`gate` holds the faults, `universe` the world that outlives controllers, `workloads` the stories,
`oracle` what must be true, `campaign` the telling.
"""
