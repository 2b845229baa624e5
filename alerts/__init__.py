"""Warning: from signals to alert changes and outgoing messages."""
