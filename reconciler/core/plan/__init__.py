"""Plans: the value, how it is made from desired, applied and live, its guards, and the steps that carry it out."""
