"""The figures: novaorch beside its peers, in one run, as ratios. `./dev bench` prints the table."""
