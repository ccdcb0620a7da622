"""Ready networks and what is known of their activity: to measure speed, and to check it is right."""
