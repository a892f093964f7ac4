"""Drift: where the debris will be, and how wide the doubt is.

Doors: :func:`oceanclean.drift.ensemble.forecast` (density map to forecast), :func:`oceanclean.drift.engine.advect`
(plain trajectories), :func:`oceanclean.drift.residual.train_forecaster`, :func:`oceanclean.drift.skill.evaluate_drift`.
"""
