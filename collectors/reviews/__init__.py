"""Reviews and ratings: pages with schema.org markup, and shops with an interface."""
