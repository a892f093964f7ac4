"""A season in the simulated sea: every planner plans day after day from what is seen, and one engine carries it out.

``scenario`` says what sea, fleet and sky; ``sea`` is the hidden truth of one seed; ``seen`` writes what each planner is
told of it; ``planners`` are the simple ways of planning, ``chain_link`` asks the real chain in another process;
``voyage`` carries plans out; ``loop`` goes through the days, ``run`` through seeds and planners; ``figures`` and
``report`` say what came of it.
"""
