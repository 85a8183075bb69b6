"""Many runs: the only room that knows Ray."""
