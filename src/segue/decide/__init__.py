"""What follows from the evidence? Spec, state and evidence in; a decision with its reasons and commands out."""
