"""What a GPU's memory holds beside the cache: weights, activations, what driver and graphs take.

Estimates, each with what it rests on; nothing here knows of caches.
"""
