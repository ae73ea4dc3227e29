"""Recording: instrumentation, the agent in the process, the control channel, the trace file."""
