"""The served interface: features, catalogue, detection, intake and metrics over HTTP, behind tokens with roles."""

from oceanclean.serving.app import application, serve

__all__ = ["application", "serve"]
