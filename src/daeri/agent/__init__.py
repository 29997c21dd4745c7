"""The four parts of an agent: analyzer, selector, planner, executor. Each is replaceable and logged as a step."""
