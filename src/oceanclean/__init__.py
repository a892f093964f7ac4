"""oceanclean: decide, every morning, where a fleet of cleanup vessels should go.

Observations become a debris density map, the map is carried forward by the drift forecast, and the
fleet is sent where the forecast says the debris will be. Each room of the package is one of those
steps; heavy libraries load only when a room is used.
"""

__version__ = "0.1.0"
