"""The pages people look at: rendered on the server, refreshed in parts, useful without script."""
