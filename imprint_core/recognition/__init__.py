"""Recognition of single embeddings with few shots: leave-one-out scores, calibrated probabilities, and unknown inputs.

`recognizer` combines them with the classifier, its proxies and a map of the shots.
"""
