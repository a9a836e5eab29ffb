"""The live panel: frames of a camera, recorded frames, drawings and files as shots of classes, recognized at once.

The page Camera and a lesson of Learn draw it.
"""
