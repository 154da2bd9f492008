"""Judges events: an event with its process goes in, detections come out.  Pure but for reading rules at start.

    ground           what every detector is made from: where rules and state lie, names of users
    sigma            written rules, from their files to judgements
    fields           what an event offers to rules, by Sigma's names and our own
    gaps             losses and what others write to the agent's own state
    secrets          passwords and tokens in command lines, masked before anything is judged or stored

A detector is a class with judge and tick (model.ports.Detector), made by a factory that takes a Ground and is
registered in the entry point group `sentinair.detectors`.
"""
