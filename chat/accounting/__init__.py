"""What models used and cost: whose limits hold, what is held meanwhile, and every call booked."""
