"""What people do, at any deployment: the commands of `ops`, the doctor, and what prepares the databases."""
