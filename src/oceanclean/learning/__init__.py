"""Learning: which models are in use and why, what people report back, and whether the figures still hold.

Doors: :class:`~oceanclean.learning.registry.Registry` (champion, challenger, previous),
:func:`~oceanclean.learning.gates.compare` (paired bootstrap), :func:`~oceanclean.learning.sequential.sequential_test`,
:class:`~oceanclean.learning.labels.LabelStore` (feedback), :mod:`~oceanclean.learning.input_drift` (PSI, KS),
:mod:`~oceanclean.learning.monitor` (thresholds, page, Prometheus text).
"""

from oceanclean.learning.settings import LearningSettings, load_learning_settings

__all__ = ["LearningSettings", "load_learning_settings"]
