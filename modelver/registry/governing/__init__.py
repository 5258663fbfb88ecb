"""What people decide: policies, approvals, promotions; asked again for each step of a log."""
