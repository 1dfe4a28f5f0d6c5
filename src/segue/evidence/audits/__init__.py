"""May the data be believed? Tests of the draw and of the record, whose alarms hold a rollout and decide nothing else."""
