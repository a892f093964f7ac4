"""Allocation: which vessel goes where, when, and what more is possible.

The door is :func:`oceanclean.allocation.plan.allocate`, and :func:`oceanclean.allocation.process.allocate_in_process`
runs it in a process of its own, away from TensorFlow. Both are loaded when they are used.
"""
