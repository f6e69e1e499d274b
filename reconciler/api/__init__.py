"""The one door to the platform: a Call in, a Reply or an ApiError out."""
