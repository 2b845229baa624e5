"""How a post travels: collect → analyse → evaluate → dispatch, each step safe to run twice."""
