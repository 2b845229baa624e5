"""The database: one module per noun; nothing here decides, nothing here waits for a network."""
