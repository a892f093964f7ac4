"""The twin: a simulated sea with known truth, seen only through files in the real formats.

``ocean`` and ``weather`` are the hidden truth of water and air, ``debris`` drifts through them, ``scene`` renders what
a satellite would see, ``forecast`` what a forecast centre would have said, ``reports`` what buoys, crews and people
send. :func:`oceanclean.twin.observe.observe` writes all of it; :mod:`oceanclean.twin.score` holds a plan against the
truth. Nothing in the chain imports this room.
"""
