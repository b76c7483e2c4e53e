"""The smallest app of each framework, a file each: what its import costs, and what it takes in memory."""
