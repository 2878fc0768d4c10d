"""What answers cost and how long they take, as measured."""
