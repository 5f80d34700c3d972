"""Verbs that touch nothing."""
