"""Verbs that touch nothing: values in, values out. No clock, no chance, no I/O."""
