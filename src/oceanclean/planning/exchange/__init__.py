"""The plan as files that ships and offices take in; each writer turns the one model into text, reads nothing else."""
