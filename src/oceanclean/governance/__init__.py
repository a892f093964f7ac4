"""Governance: where an order comes from, what the software is made of, and whether the rules are kept."""
