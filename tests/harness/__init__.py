"""The real agent as a thing tests can start, look at and stop.

agent     starts `sentinair run` on a state and a configuration of its own; roles, cost, stop
stored    what its database holds, read as any other local program would
campaigns a campaign as a test
oracle    what the tree on disk holds, to compare with
"""
