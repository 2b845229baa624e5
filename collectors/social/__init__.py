"""Public posts of networks and forums, one module a service."""
