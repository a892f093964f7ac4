"""Litter as boxes: a centre-heat-map detector for satellite tiles and drone frames, and where its boxes lie at sea.

Doors: :func:`detect_objects` (image files to a Detections product), :func:`train_detector`,
:func:`evaluate_detector`. TensorFlow and Keras load when one of them is first called.
"""
