"""Agents' work as commits: what of a work tree is recorded, signed, noted, and kept in packs."""
