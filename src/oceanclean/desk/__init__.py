"""The planner's desk: a served page on which people set decisions, re-plan and approve. Stands above the chain."""

from oceanclean.desk.app import desk, serve

__all__ = ["desk", "serve"]
