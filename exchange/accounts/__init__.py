"""Account numbers of customers and of the house."""
