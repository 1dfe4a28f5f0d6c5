"""What the API does, room by room."""
