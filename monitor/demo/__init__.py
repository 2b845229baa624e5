"""``monitor demo``: a bundled, invented crisis through the real service under a simulated clock."""
