"""What has to hold before the gates may be believed: the stage's age, its data, the draw, and what is not known."""
