"""Sources by configuration: JSON interfaces and lists in HTML, described and not programmed."""
