"""Many configurations on one machine: the only room that knows Ray, which it imports when it is used."""
