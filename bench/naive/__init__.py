"""What one would write first: Channels as its tutorial shows it, measured beside ours."""
