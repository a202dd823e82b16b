"""What pymode costs, measured on this machine by scripts that anyone can run."""
