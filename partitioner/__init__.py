"""From a trace to a plan: graph, classification, constraints, solver, scaling model."""
