"""Judges events: an event with its process goes in, detections come out.  Pure but for reading rules at start.

    ground           what every detector is made from: where rules and state lie, names of users
    sigma            the detector of written rules; gates first, then the rules' own tests
    rule_yaml        one YAML file to nodes that know their line; aliases refused
    rule_files       a folder of files to rules, all faults collected
    sigma_rule       what a rule is once read
    sigma_parse      nodes to a rule
    sigma_condition  `selection and not 1 of filter_*` to a tree of tests
    sigma_pattern    Sigma's wildcards and escapes
    sigma_match      the tree to closures, and what of it matched
    sigma_gate       what cannot match is dismissed before any rule is asked
    fields           what an event offers to rules, by Sigma's names and our own
    gaps             losses and what others write to the agent's own state
    secrets          passwords and tokens in command lines, masked before anything is judged or stored

A detector is a class with judge and tick (model.ports.Detector), made by a factory that takes a Ground and is
registered in the entry point group `sentinair.detectors`.
"""
