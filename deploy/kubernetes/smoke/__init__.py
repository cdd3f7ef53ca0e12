"""The parts of smoke_test: the cluster as kubectl shows it, a shop that orders, what is done to it."""
