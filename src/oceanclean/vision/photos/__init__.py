"""Photos taken by people: what litter is on them, how clean the place is, and how they become sightings."""
